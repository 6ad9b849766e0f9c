#ifndef MIRROR_BASE_HUMAN_TEXT_H_
#define MIRROR_BASE_HUMAN_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

/// Formats a number for people: 1,234,567.
std::string Grouped(std::uint64_t number);

/// Returns a count with its noun: "1 table", "0 tables", "1,234 tables".
std::string Counted(std::uint64_t count, std::string_view noun);

/// Formats bytes for people, in one unit of powers of 1024: "0B", "512B", "1.5MiB". There is no space in the
/// result, so that it stays one column.
std::string SizeText(std::uint64_t bytes);

/// Formats a duration for people, in one unit and rounded down: "45 s", "12 min", "3 h", "5 d". A unit is
/// used only for two or more of it: 100 minutes are "100 min", because "1 h" would hide too much. Negative
/// durations give "0 s".
std::string SpanText(std::int64_t milliseconds);

/// Quotes a word for a shell if it has any character with a special meaning. Control characters, which a
/// terminal would execute, are written as numbers in the form of bash and zsh: $'\033'.
std::string ShellWord(const std::string& word);

/// Returns a command in single quotes, for use in a sentence. `command` consists of results of ShellWord().
/// Quotes in it would seem to end the command, so they are replaced by backslashes.
std::string QuotedCommand(const std::string& command);

/// Returns "2024-05-01T12:00:00Z" (RFC 3339, UTC) for unix seconds from 0 to the end of year 9999; for
/// other numbers the plain number.
std::string FormatUnixTime(std::int64_t seconds);

}  // namespace mirror

#endif  // MIRROR_BASE_HUMAN_TEXT_H_
