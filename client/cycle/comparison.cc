#include "client/cycle/comparison.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "client/wire/row_sender.h"
#include "proto/wire/codec.h"
#include "proto/wire/key_text.h"

namespace mirror {
namespace {

/// Returns the present position of the mirror's table.
absl::StatusOr<Position> PositionOf(const Cycle& cycle, std::size_t index) {
  for (const Job& job : cycle.jobs) {
    if (job.index == index) return job.sent;
  }
  const v1::TableStatus& status = cycle.statuses[index];
  if (status.position().lsn() >= 0 && !status.has_pending()) return DecodePosition(status.position());
  return absl::FailedPreconditionError(
      "the mirror has no committed position of the table, so it cannot be compared");
}

void ShowKeys(const Differences& found, TableReport* report) {
  const auto words = [](const std::vector<Key>& keys, std::vector<std::string>* shown) {
    shown->clear();
    for (const Key& key : keys) shown->push_back(KeyText(key));
  };
  words(found.lost_keys, &report->lost_keys);
  words(found.changed_keys, &report->changed_keys);
  words(found.ghost_keys, &report->ghost_keys);
}

bool EndsCycle(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnauthenticated(status) || absl::IsDeadlineExceeded(status);
}

/// Whether the mirror has rows of a former source for the table, and this cycle does not replace them.
bool IsOfFormerSource(const Cycle& cycle, std::size_t index) {
  return cycle.statuses[index].source_accepted() &&
         std::none_of(cycle.jobs.begin(), cycle.jobs.end(), [index](const Job& job) {
           return job.index == index && job.decision.kind == Decision::Kind::kPopulate;
         });
}

/// The comparison of one table with its mirror.
class ComparedTable {
 public:
  ComparedTable(RunContext& run, Cycle& cycle, std::size_t index)
      : run_(run),
        cycle_(cycle),
        source_(run.schema.tables[index]),
        schema_(source_.schema),
        status_(cycle.statuses[index]),
        position_(PositionOf(cycle, index)),
        report_(run.ReportOf(schema_.name)),
        taken_over_(run.state.tables().IsTakenOver(schema_.name)),
        why_not_equal_(run.history.WhyNotEqual(schema_.name)) {}

  /// Whether the table can be compared. False: the report says why not.
  bool CanCompare() {
    if (!cycle_.can_compare) {
      SetUnknown("the endpoint cannot compare by digests");
      if (IsTakenOver() && report_.result == TableResult::kOk) {
        Fail(
            "its strategy changed, and this endpoint cannot compare tables, so changes in between may be "
            "missing; send the table with --repopulate");
      }
      return false;
    }
    if (!why_not_equal_.empty() && !IsTakenOver()) {
      SetUnknown(why_not_equal_);
      report_.equality = TableReport::Equality::kNotMeant;
      return false;
    }
    if (report_.result != TableResult::kOk || !source_.later.empty()) {
      SetUnknown(report_.reason);
      return false;
    }
    if (!position_.ok()) {
      SetUnknown(std::string(position_.status().message()));
      return false;
    }
    if (KeyIsHashed(schema_, status_)) {
      SetUnknown(
          "its key is hashed at the mirror: only its number of rows is compared, and only when it changed");
      return false;
    }
    return true;
  }

  absl::StatusOr<Differences> FindDifferences() {
    Verifier verifier(run_.reader, run_.client, run_.history, cycle_.id, cycle_.limits);
    if (run_.options.progress) {
      // The mirror's number of rows is accurate enough for a progress bar.
      const auto rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, status_.row_count()));
      verifier.set_progress([this, rows](std::uint64_t done) {
        run_.options.progress({"comparing", schema_.name, done, rows});
      });
    }
    const bool keeps = taken_over_ == TakenOver::kKeeps;
    return verifier.Compare(schema_, ComparedColumns(schema_, status_), *position_,
                            keeps ? Verifier::Ghosts::kLeave : Verifier::Ghosts::kCount);
  }

  /// Leaves the table without a comparison in this run.
  void Leave() {
    if (IsDue() && report_.result == TableResult::kOk) {
      Fail(
          "it was not compared with the mirror, which may lack changes: the agent was stopped. The next run "
          "compares it");
    }
  }

  /// Reports a comparison that failed; the cycle continues.
  void TakeFailure(const absl::Status& failure) {
    SetUnknown(std::string(failure.message()));
    const bool settles = absl::IsAborted(failure) || absl::IsFailedPrecondition(failure);
    if (settles) cycle_.compare_again.insert(schema_.name);
    const bool due = IsDue() || run_.state.tables().IsSuspect(schema_.name);
    if (settles && !due) return;
    // A table that could not be compared is not good.
    Fail(absl::StrCat("it could not be compared with the mirror, ",
                      due ? "which may lack changes: " : "though that was due: ", failure.message(),
                      ". The next run compares it"));
  }

  void TakeDifferences(Differences found) {
    Show(found);
    if (MendsUnsettled(found)) {
      SendUnsettled(std::move(found));
    } else {
      Conclude(std::move(found));
    }
    if (!IsTakenOver() || why_not_equal_.empty()) return;
    // The table need not be equal after this comparison.
    cycle_.compared.erase(schema_.name);
    if (report_.equality == TableReport::Equality::kEqual) SetUnknown(why_not_equal_);
  }

 private:
  bool IsTakenOver() const { return taken_over_ != TakenOver::kNo; }
  /// Whether the time of the mirror's state is unknown until the comparison.
  bool IsDue() const { return IsTakenOver() || status_.source_accepted(); }

  void SetUnknown(const std::string& because) {
    report_.equality = TableReport::Equality::kUnknown;
    report_.unknown_because = because;
  }

  void Fail(std::string reason) {
    report_.result = TableResult::kFailed;
    report_.reason = std::move(reason);
    report_.unsent = UnsentReason::kComparison;
  }

  void Show(const Differences& found) {
    report_.unknown_because.clear();
    report_.compared = found.rows;
    if (cycle_.repairs.contains(schema_.name) && found.equal()) {
      report_.repaired = report_.lost + report_.changed + report_.ghosts;
    }
    report_.equality = found.equal() ? TableReport::Equality::kEqual : TableReport::Equality::kDiffers;
    report_.lost = found.lost;
    report_.changed = found.changed;
    report_.ghosts = found.ghosts;
    if (!found.equal()) ShowKeys(found, &report_);
  }

  /// Whether rows that changed meanwhile are sent whole with the next changes, once in
  /// a run. Differences that remain after that are not caused by these changes.
  bool MendsUnsettled(const Differences& found) {
    const bool mends = run_.options.repair || IsTakenOver();
    return found.equal() && !found.unsettled.empty() && mends && run_.resent.insert(schema_.name).second;
  }

  void SendUnsettled(Differences found) {
    SetUnknown("rows changed during the comparison");
    if (IsDue()) Fail("rows changed during its comparison with the mirror; the next cycle sends them");
    found.keys = std::move(found.unsettled);
    cycle_.differ[schema_.name] = std::move(found);
  }

  void Conclude(Differences found) {
    const std::string& table = schema_.name;
    cycle_.compared[table] = {
        *position_, found.beyond_repair ? std::max<std::uint64_t>(found.Count(), 1) : found.Count()};
    if (found.equal()) {
      report_.result = TableResult::kOk;
      run_.state.tables().SetSuspect(table, false);
      run_.state.tables().SetTakenOver(table, TakenOver::kNo);
      return;
    }
    if (found.beyond_repair && taken_over_ == TakenOver::kKeeps) {
      return Fail(
          "too many rows differ to be sent one by one, and a population would remove rows that its strategy "
          "keeps in the mirror. Nothing was sent; if the mirror may lose those rows, send the table with "
          "--repopulate");
    }
    // Every run compares it until it is equal.
    run_.state.tables().SetSuspect(table, run_.options.repair);
    Fail(absl::StrCat("compared with the source, ", InWords(found),
                      "; 'mirror-agent verify --repair' sends them"));
    cycle_.differ[table] = std::move(found);
  }

  RunContext& run_;
  Cycle& cycle_;
  const SourceTable& source_;
  const TableSchema& schema_;
  const v1::TableStatus& status_;
  const absl::StatusOr<Position> position_;
  TableReport& report_;
  const TakenOver taken_over_;       ///< The state before the comparison.
  const std::string why_not_equal_;  ///< See History::WhyNotEqual().
};

}  // namespace

std::string InWords(const Differences& found) {
  return absl::StrCat(found.beyond_repair ? "at least " : "", Counted(found.Count(), "row"), " differed (",
                      found.lost, " missing in the mirror, ", found.changed, " changed, ", found.ghosts,
                      " only in the mirror)");
}

bool ShallCompare(const RunContext& run, const Cycle& cycle, std::size_t index) {
  const std::string& table = run.schema.tables[index].schema.name;
  if (!cycle.IsAbout(table)) return false;
  const CycleOptions& options = run.options;
  if (options.verify == CycleOptions::Verify::kAll || cycle.statuses[index].verify_wanted() ||
      run.state.tables().IsTakenOver(table) != TakenOver::kNo || run.state.tables().IsSuspect(table) ||
      cycle.repairs.contains(table) || IsOfFormerSource(cycle, index)) {
    return true;
  }
  return options.verify == CycleOptions::Verify::kSome &&
         std::any_of(options.verify_tables.begin(), options.verify_tables.end(),
                     [&table](const std::string& name) { return SameName(name, table); });
}

bool ShallCompareAny(const RunContext& run, const Cycle& cycle) {
  for (std::size_t i = 0; i < run.schema.tables.size(); ++i) {
    if (ShallCompare(run, cycle, i)) return true;
  }
  return false;
}

absl::Status CompareTables(RunContext& run, Cycle& cycle) {
  for (std::size_t i = 0; i < run.schema.tables.size(); ++i) {
    if (!ShallCompare(run, cycle, i)) continue;
    ComparedTable table(run, cycle, i);
    if (run.options.stop != nullptr && *run.options.stop) {
      table.Leave();
      continue;
    }
    if (!table.CanCompare()) continue;
    absl::StatusOr<Differences> found = table.FindDifferences();
    if (EndsCycle(found.status())) return found.status();
    if (!found.ok()) {
      table.TakeFailure(found.status());
      continue;
    }
    table.TakeDifferences(*std::move(found));
  }
  return absl::OkStatus();
}

}  // namespace mirror
