#ifndef MIRROR_BASE_TEXT_MANUAL_PAGE_H_
#define MIRROR_BASE_TEXT_MANUAL_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror::cli {

/// Content of a program's manual page besides its help.
struct AboutProgram {
  std::string name;
  /// Programs installed with it and their commands, for users who type one of those after this name.
  std::vector<std::pair<std::string, std::vector<std::string>>> sisters = {};
  int section = 1;
  std::string version = {};  ///< "mirrorctl 0.2.0"
  /// Environment variables with their meanings, besides COLUMNS and those that replace options.
  std::vector<std::pair<std::string, std::string>> variables = {};
  std::vector<std::pair<std::string, std::string>> files = {};  ///< Path and meaning.
  std::vector<std::string> see_also = {};                       ///< "mirror-server(8)"
};

/// Returns a page in man's language (roff). `date`: "2026-08-01", or empty.
std::string ManualPage(const CommandTree& program, const AboutProgram& about, const std::string& date);

/// Returns SOURCE_DATE_EPOCH as a date; with it two builds give the same page. Empty: it is not set.
std::string DateOfSources();

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_MANUAL_PAGE_H_
