#ifndef MIRROR_BASE_TEXT_COMMAND_LINE_H_
#define MIRROR_BASE_TEXT_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <string>

namespace mirror {

/// Help in lines that fit a terminal. To be given to an application before its commands are added.
class HelpFormat : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

/// What is wrong with the words of a command line; of a command or an option that there is not, with the one
/// that was meant.
std::string WrongUsageWords(const CLI::App& app, const CLI::ParseError& error);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_COMMAND_LINE_H_
