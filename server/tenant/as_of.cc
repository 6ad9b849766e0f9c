#include "server/tenant/as_of.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status WrongAsOf() {
  return absl::InvalidArgumentError(
      "that is not a moment. Nothing was read. Give an LSN as 1234, a moment as m:4711, or a time in UTC as "
      "2026-03-31 or 2026-03-31T12:00:00Z; m:0 is the first state that is kept.");
}

std::string WordsOf(const JournalEntry& commit) {
  const std::int64_t at_ms = commit.commit->source_ms.value_or(commit.commit->done_ms);
  return absl::StrCat(
      "m:", commit.number, " (cycle ", commit.cycle, ", ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(at_ms), absl::UTCTimeZone()), ")");
}

absl::Status TooEarly(const TableHistory& history) {
  return absl::OutOfRangeError(absl::StrCat("table '", history.schema.name, "' is known from moment ",
                                            history.known_from,
                                            " on. Nothing was read. Earlier versions were not kept, or were "
                                            "removed. m:0 is the first state that is kept."));
}

/// A history begins with rows whose commit may be missing in the journal.
FoundMoment FirstState(const TableHistory& history) {
  FoundMoment first{.moment = history.known_from};
  first.commit.number = first.commit.moment = history.known_from;
  first.commit.table = history.schema.name;
  return first;
}

/// Refuses a moment, LSN or time in the future: the last state would be shown instead of it.
absl::Status CheckCame(Snapshot& snapshot, const AsOf& as_of, const JournalEntry& last) {
  const std::string& table = last.table;
  const auto refused = [&](const std::string& what) {
    return absl::OutOfRangeError(absl::StrCat(what, ". Nothing was read. The last moment of table '", table,
                                              "' is ", WordsOf(last), ", at LSN ",
                                              last.commit->position.lsn.value, "."));
  };
  if (as_of.moment && *as_of.moment != kLastMoment) {
    ASSIGN_OR_RETURN(const JournalBounds bounds, snapshot.journal().ReadBounds());
    // A moment of another table is valid for this table, too.
    if (*as_of.moment > std::max(bounds.last.number, last.number)) {
      return refused(absl::StrCat("there is no moment ", *as_of.moment, " yet"));
    }
  }
  if (as_of.lsn && *as_of.lsn > last.commit->position.lsn.value) {
    ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(table));
    if (!record || *as_of.lsn > (record)->position.lsn.value) {
      return refused(absl::StrCat("table '", table, "' has not reached LSN ", *as_of.lsn, " yet"));
    }
  }
  const std::int64_t last_ms = last.commit->source_ms.value_or(last.commit->done_ms);
  if (as_of.unix_ms && *as_of.unix_ms > std::max(absl::ToUnixMillis(absl::Now()), last_ms)) {
    return refused("that time is in the future");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AsOf> ParseAsOf(std::string_view text) {
  AsOf as_of;
  std::int64_t number = 0;
  const absl::string_view whole(text.data(), text.size());
  if (absl::StartsWith(whole, "m:")) {
    if (!absl::SimpleAtoi(whole.substr(2), &number) || number < 0) return WrongAsOf();
    as_of.moment = number;
    return as_of;
  }
  if (absl::SimpleAtoi(whole, &number)) {
    if (number < 0) return WrongAsOf();
    as_of.lsn = number;
    return as_of;
  }
  absl::Time time;
  for (const char* const format : {"%Y-%m-%d", absl::RFC3339_full}) {
    if (!absl::ParseTime(format, whole, &time, nullptr)) continue;
    as_of.unix_ms = absl::ToUnixMillis(time);
    return as_of;
  }
  return WrongAsOf();
}

absl::StatusOr<FoundMoment> FindMoment(Snapshot& snapshot, const TableHistory& history,
                                       std::string_view text) {
  ASSIGN_OR_RETURN(AsOf as_of, ParseAsOf(text));
  if (as_of.moment == kFirstState) as_of.moment = history.known_from;
  ASSIGN_OR_RETURN(std::vector<JournalEntry> commits,
                   snapshot.journal().FindCommits(history.schema.name, as_of));
  const bool is_known = !commits.empty() && commits.front().number >= history.known_from;
  if (!is_known && (as_of.moment == history.known_from || as_of.moment == kLastMoment))
    return FirstState(history);
  if (commits.empty()) return TooEarly(history);
  if (absl::Status came = CheckCame(snapshot, as_of, commits.front()); !came.ok()) {
    // The LSN may belong only to commits before the LSNs went back.
    if (commits.size() == 1) return came;
    commits.erase(commits.begin());
  }
  if (commits.front().number < history.known_from) return TooEarly(history);
  if (commits.size() > 1 && commits[1].number >= history.known_from) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", history.schema.name, "' passed LSN ", *as_of.lsn,
        " more than once: its LSNs went back in between, as when a source is restored. Nothing was read. "
        "Give the moment that you mean, as ",
        WordsOf(commits.front()), " or ", WordsOf(commits[1]), "."));
  }
  return FoundMoment{commits.front().number, std::move(commits.front())};
}

}  // namespace mirror
