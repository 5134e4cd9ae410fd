// How a program says its result: for people, or for programs as one JSON object, or one for each thing to say.
#pragma once

namespace zverse::tools {

enum class ReportStyle { text, json, json_lines };

}  // namespace zverse::tools
