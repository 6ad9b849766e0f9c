#include "client/source/server/server_words.h"

#include <cstddef>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

std::string ReadingOf(const std::string& table, const absl::Status& status) {
  return absl::StrCat("reading table '", table, "': ", std::string(status.message()));
}

constexpr char kReadAnew[] = "; the next run reads it from the beginning";

}  // namespace

absl::Status SourceAway(const absl::Status& status) {
  return WithWords(status,
                   absl::StrCat(std::string(status.message()),
                                ". The mirror stays unchanged. Start the source's server, or correct 'dsn': "
                                "the next cycle continues from there"));
}

absl::Status WithWords(const absl::Status& status, const std::string& words) {
  absl::Status same(status.code(), words);
  status.ForEachPayload(
      [&same](absl::string_view name, const absl::Cord& payload) { same.SetPayload(name, payload); });
  return same;
}

absl::Status UnknownTable(const std::string& table) {
  return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
}

absl::Status MovedTable(const std::string& table) {
  return absl::AbortedError(absl::StrCat("table '", table, "' changed after the agent read its definition"));
}

absl::Status MisfitsIn(const std::string& table) {
  return absl::AbortedError(
      absl::StrCat("table '", table, "' has values that do not fit the types that were announced"));
}

absl::Status LeftToOthers(const std::string& table) {
  return absl::UnavailableError(absl::StrCat("reading table '", table,
                                             "' was stopped: another session waits to change its definition, "
                                             "and writers wait for that session. ",
                                             kNothingCommitted, kReadAnew));
}

absl::Status LockedTable(const std::string& table) {
  return absl::UnavailableError(absl::StrCat("table '", table, "' is locked by a session that changes it. ",
                                             kNothingCommitted,
                                             "; the next run reads it when the lock is released"));
}

absl::Status LostWhileReading(const std::string& table, const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(ReadingOf(table, status), ". ", kNothingCommitted, kReadAnew));
}

absl::Status WhileReading(const std::string& table, const absl::Status& status) {
  return WithWords(status, ReadingOf(table, status));
}

void TellUnlogged(const std::map<std::string, std::vector<std::string>>& unlogged, SourceFindings* findings) {
  constexpr std::size_t kNamedMost = 10;
  for (const auto& [why, names] : unlogged) {
    findings->Warn("not logged",
                   absl::StrCat(ListNames(names, kNamedMost), ": ", why, ". Each cycle reads all rows"),
                   "change that in the source, or set strategy = \"synthetic\" for it in a [[source.table]]");
  }
}

}  // namespace mirror
