// How a program says its result: for people, or as one JSON object for programs.
#pragma once

namespace zverse::tools {

enum class ReportStyle { text, json };

}  // namespace zverse::tools
