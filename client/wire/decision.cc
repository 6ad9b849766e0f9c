#include "client/wire/decision.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"

namespace mirror {
namespace {

Decision Populate(PopulateReason reason, std::string words) {
  return {Decision::Kind::kPopulate, reason, std::move(words)};
}

/// Decision for a position that the mirror shows; absent: the position is good.
std::optional<Decision> OfStanding(Standing standing, const std::string& why_gone) {
  switch (standing) {
    case Standing::kAhead:
      return Populate(PopulateReason::kAhead,
                      "the mirror is ahead of this source: the source or its state was restored");
    case Standing::kMiss:
      return Populate(PopulateReason::kLineageMiss, "the mirror is in a state that this source did not send");
    case Standing::kOlder:
      return Populate(
          PopulateReason::kRequested,
          "the mirror holds an older state: the last run did not complete it, or it was restored");
    case Standing::kGone:
      return Populate(PopulateReason::kHistoryGone,
                      absl::StrCat("the changes since the mirror's LSN are no longer on record",
                                   why_gone.empty() ? "" : ": ", why_gone));
    case Standing::kEmptied:
      return Populate(PopulateReason::kRequested,
                      "the source's table was emptied (TRUNCATE) since the mirror's LSN");
    case Standing::kKnown:
      break;
  }
  return std::nullopt;
}

/// Without a log: compares the numbers of rows.
absl::StatusOr<Decision> ByCount(SourceReader& reader, const TableSchema& table, std::int64_t mirrored) {
  ASSIGN_OR_RETURN(const std::uint64_t rows, reader.CountRows(table.name));
  if (mirrored == static_cast<std::int64_t>(rows)) return Decision{};
  const std::string count = mirrored < 0 ? "an unknown number of" : absl::StrCat(mirrored);
  return Populate(table.Key().empty() ? PopulateReason::kKeyless : PopulateReason::kRequested,
                  absl::StrCat("the source has ", rows, " rows, the mirror ", count));
}

}  // namespace

absl::StatusOr<Decision> Decide(History& history, SourceReader& reader, const TableSchema& table,
                                const v1::TableStatus& status, bool asked, bool compared) {
  const Position position = DecodePosition(status.position());
  if (status.action() == v1::TABLE_ACTION_REPOPULATE) {
    return Populate(PopulateReason::kSchema, status.reason());
  }
  if (position.lsn.value < 0) {
    return Populate(PopulateReason::kMinusOne, status.action() == v1::TABLE_ACTION_CREATED
                                                   ? "new in the mirror"
                                                   : "the mirror asks for all rows (LSN -1)");
  }
  ASSIGN_OR_RETURN(const Standing standing, history.Judge(table.name, position));
  const std::string why_gone = standing == Standing::kGone ? history.WhyGone(table.name) : "";
  if (std::optional<Decision> decision = OfStanding(standing, why_gone)) return *std::move(decision);
  const bool pending =
      status.has_pending() && (status.pending().lsn() > 0 || !status.pending().lineage().empty());
  if (pending && !compared) {
    ASSIGN_OR_RETURN(const Standing dead, history.Judge(table.name, DecodePosition(status.pending())));
    if (dead == Standing::kMiss || dead == Standing::kAhead) {
      return Populate(PopulateReason::kPendingMiss,
                      "the mirror holds an unfinished cycle that this source did not begin");
    }
  }
  if (asked) return Populate(PopulateReason::kRequested, "asked for");
  ASSIGN_OR_RETURN(const std::optional<bool> changed, history.ChangedSince(table.name, position.lsn));
  if (!changed) return ByCount(reader, table, status.row_count());
  // A cycle that died left rows of a later position: they are sent again.
  if (!*changed && !pending) return Decision{};
  if (table.Key().empty()) return Populate(PopulateReason::kKeyless, "it changed, and has no key");
  if (!history.NamesRows(table.name)) {
    return Populate(PopulateReason::kKeyless, "it changed, and REPLACE may have removed rows unseen");
  }
  return Decision{Decision::Kind::kChanges, PopulateReason::kNone, ""};
}

}  // namespace mirror
