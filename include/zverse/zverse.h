// All of ZVerse's public interface. Start reading at store.h.
#pragma once

#include <zverse/error.h>
#include <zverse/options.h>
#include <zverse/stats.h>
#include <zverse/store.h>
#include <zverse/types.h>
#include <zverse/verification.h>
