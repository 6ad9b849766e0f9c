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
  /// Other programs that are installed with this one, with their commands. If a user types such a command
  /// after this program's name, the error names the right program.
  std::vector<std::pair<std::string, std::vector<std::string>>> sisters = {};
  int section = 1;
  std::string version = {};  ///< Such as "mirrorctl 0.2.0".
  /// Environment variables with their meanings, besides COLUMNS and those that replace options.
  std::vector<std::pair<std::string, std::string>> variables = {};
  std::vector<std::pair<std::string, std::string>> files = {};  ///< Paths of files, with their meanings.
  std::vector<std::string> see_also = {};                       ///< Such as "mirror-server(8)".
};

/// Returns the manual page in man's language (roff). `date`: such as "2026-08-01", or empty.
std::string ManualPage(const CommandTree& program, const AboutProgram& about, const std::string& date);

/// Returns the environment variable SOURCE_DATE_EPOCH as a date, so that two builds make the same page.
/// Empty: the variable is not set.
std::string DateOfSources();

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_MANUAL_PAGE_H_
