# Completion of zverse's arguments for bash: commands, options with their choices, folders. Asks the program itself what
# there is, so that it never knows less.

# The words that `zverse ARGUMENTS --help` lists: options, or at the top the commands.
_zverse_words() {
    "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | if [[ $# -eq 0 ]]; then
        sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\) .*/\1/p'
    else
        grep -oE -- '(^| |,)--?[a-zA-Z][a-z-]*' | tr -d ' ,' | sort -u
    fi
}

_zverse() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zverse_words) --help --version" -- "$word")
        return
    fi
    case $before in
        --format) mapfile -t COMPREPLY < <(compgen -W "jsonl text binary" -- "$word") ;;
        --if-exists) mapfile -t COMPREPLY < <(compgen -W "fail skip overwrite" -- "$word") ;;
        --durability) mapfile -t COMPREPLY < <(compgen -W "power process" -- "$word") ;;
        --granularity) mapfile -t COMPREPLY < <(compgen -W "byte cache_line page" -- "$word") ;;
        --as-of | --since | --until) mapfile -t COMPREPLY < <(compgen -W "latest" -- "$word") ;;
        --file | -f | --output | -o) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        *)
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_zverse_words "$command")" -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -d -- "$word")
            fi
            ;;
    esac
}

complete -o filenames -F _zverse zverse
