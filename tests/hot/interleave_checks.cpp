// See interleave_world.h. What all notes together must add up to.
#include <hot/interleave_world.h>

namespace zverse::test {

namespace {
bool wrote(const Note& note) {
    return note.kind == Note::Kind::write || note.kind == Note::Kind::put_if || note.kind == Note::Kind::transaction;
}
}  // namespace

void InterleaveWorld::collect_commits() {
    for (const Note& note : notes_) {
        if (!wrote(note)) continue;
        ASSERT_TRUE(commits_.emplace(note.version, note.records).second)
            << "version " << note.version << " twice, schedule " << seed_;
    }
}

/// The newest version of a key up to `upto`; 0: none.
Version InterleaveWorld::newest(const std::string& key, Version upto) const {
    for (auto commit = commits_.upper_bound(upto); commit != commits_.begin();) {
        --commit;
        if (commit->second.contains(key)) return commit->first;
    }
    return 0;
}

/// What returned before another call began has the smaller version, and is seen by it.
void InterleaveWorld::check_order() const {
    for (const Note& first : notes_) {
        if (!wrote(first)) continue;
        for (const Note& second : notes_) {
            if (first.ended > second.began) continue;
            if (wrote(second)) {
                ASSERT_LT(first.version, second.version) << "schedule " << seed_;
            } else if (second.kind == Note::Kind::read || second.kind == Note::Kind::scan) {
                ASSERT_LE(first.version, second.as_of) << "a read that misses what returned, schedule " << seed_;
            }
        }
    }
}

void InterleaveWorld::check_write(const Note& note) const {
    if (wrote(note)) {
        ASSERT_TRUE(note.shown) << "version " << note.version << " returned before it was durable, schedule " << seed_;
    }
    if (note.kind == Note::Kind::put_if) {
        const Version before = newest(note.key, note.version - 1);
        const bool erased = before != 0 && commits_.at(before).at(note.key).empty();
        ASSERT_EQ(erased ? 0 : before, note.as_of) << "put_if of version " << note.version << ", schedule " << seed_;
    }
    if (note.kind == Note::Kind::transaction) {
        for (const auto& record : note.records) {
            ASSERT_LE(newest(record.first, note.version - 1), note.as_of)
                << "transaction of version " << note.version << ", schedule " << seed_;
        }
    }
    if (note.kind == Note::Kind::conflict) {
        ASSERT_TRUE(note.shown) << "a conflict with what is not durable, schedule " << seed_;
        ASSERT_NE(note.version, note.as_of) << "a conflict with what was expected, schedule " << seed_;
        bool there = note.version == 0;
        for (const auto& record : note.records) {
            const auto commit = commits_.find(note.version);
            there = there || (commit != commits_.end() && commit->second.contains(record.first));
        }
        ASSERT_TRUE(there) << "a conflict with version " << note.version << ", which nobody wrote, schedule " << seed_;
    }
}

void InterleaveWorld::check_read(const Note& note) const {
    if (note.kind != Note::Kind::read) return;
    const Version wanted = newest(note.key, note.as_of);
    ASSERT_EQ(note.version, wanted > note.cut ? wanted : 0)
        << "key " << note.key << " as of " << note.as_of << ", cut " << note.cut << ", schedule " << seed_;
    if (note.version == 0) return;
    ASSERT_EQ(note.value, commits_.at(note.version).at(note.key)) << "schedule " << seed_;
    ASSERT_TRUE(note.shown) << "version " << note.version << " shown before it was durable, schedule " << seed_;
}

void InterleaveWorld::check_versions(const Note& note) const {
    if (note.kind == Note::Kind::promise && note.version > note.cut) {
        for (auto commit = commits_.upper_bound(note.cut); commit != commits_.upper_bound(note.version); ++commit) {
            ASSERT_TRUE(note.versions.contains(commit->first))
                << "version " << commit->first << " promised up to " << note.version << ", schedule " << seed_;
        }
    }
    if (note.kind == Note::Kind::scan) {
        ASSERT_TRUE(note.shown) << "a scan showed what was not durable, schedule " << seed_;
    }
    if (note.kind == Note::Kind::scan || note.kind == Note::Kind::taken) {
        std::set<Version> wanted;
        for (auto commit = commits_.upper_bound(note.cut); commit != commits_.upper_bound(note.as_of); ++commit) {
            wanted.insert(commit->first);
        }
        ASSERT_EQ(note.versions, wanted) << "as of " << note.as_of << ", schedule " << seed_;
    }
}

/// Chain order is version order: every key as of every version, one after the other; and nobody wrote into values.
void InterleaveWorld::check_chains() {
    hot::WriterSlot& slot = tier_->slots().mine();
    const hot::PinGuard pin(tier_->epochs(), slot);
    const Version cut = host_.cut();
    std::set<std::string> keys;
    for (const auto& commit : commits_) {
        for (const auto& record : commit.second) keys.insert(record.first);
    }
    for (const std::string& key : keys) {
        for (auto commit = commits_.upper_bound(cut); commit != commits_.end(); ++commit) {
            const Version wanted = newest(key, commit->first);
            const hot::Found found = tier_->find(slot, key, hash_of(key), commit->first, cut);
            ASSERT_EQ(found.version, wanted > cut ? wanted : 0)
                << "key " << key << " as of " << commit->first << " afterwards, schedule " << seed_;
            if (found) {
                ASSERT_TRUE(found.value() == commits_.at(wanted).at(key))
                    << "key " << key << " was written over, schedule " << seed_;
            }
        }
    }
}

/// Nothing is left behind: no announcement, no space, no index entry or credit.
void InterleaveWorld::check_empty_after_drain() {
    ASSERT_TRUE(tier_->announcements_clear()) << "schedule " << seed_;
    drain();
    std::int64_t credits = tier_->index().credits();
    tier_->slots().for_each([&](const hot::WriterSlot& slot) {
        credits += slot.credits;
        return true;
    });
    ASSERT_EQ(credits, tier_->index().capacity()) << "schedule " << seed_;
    for (const auto& ring : tier_->rings()) {
        ASSERT_EQ(ring->dead_head.load(), ring->tail.load()) << "schedule " << seed_;
    }
}

}  // namespace zverse::test
