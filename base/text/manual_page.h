#ifndef MIRROR_BASE_TEXT_MANUAL_PAGE_H_
#define MIRROR_BASE_TEXT_MANUAL_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "base/text/command_tree.h"

namespace mirror::cli {

/// What a program's manual page says besides its help.
struct AboutProgram {
  std::string name;
  /// Programs beside it and their commands, for whoever types one of those behind this program's name.
  std::vector<std::pair<std::string, std::vector<std::string>>> sisters = {};
  int section = 1;
  std::string version = {};  ///< "mirrorctl 0.2.0"
  /// Of the environment, with their meanings, besides COLUMNS and those that stand in for options.
  std::vector<std::pair<std::string, std::string>> variables = {};
  std::vector<std::pair<std::string, std::string>> files = {};  ///< Path and meaning.
  std::vector<std::string> see_also = {};                       ///< "mirror-server(8)"
};

/// A page for man, in its own language (roff). `date`: "2026-08-01", or empty.
std::string ManualPage(const CommandTree& program, const AboutProgram& about, const std::string& date);

/// SOURCE_DATE_EPOCH, by which two builds give the same page, as a date. Empty: it is not set.
std::string DateOfSources();

}  // namespace mirror::cli

#endif  // MIRROR_BASE_TEXT_MANUAL_PAGE_H_
