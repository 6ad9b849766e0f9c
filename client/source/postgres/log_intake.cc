#include "client/source/postgres/log_intake.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "client/source/postgres/log_place.h"

namespace mirror {
namespace {

constexpr char kRedefined[] = "its definition changed while rows of it were written";

}  // namespace

absl::Status LogIntake::OtherLog() {
  is_other_log_ = true;
  return absl::AbortedError("the server's log no longer has a position that was read before");
}

absl::Status LogIntake::Take(std::string_view message) {
  ASSIGN_OR_RETURN(const pgoutput::Message decoded, pgoutput::Decode(message));
  return std::visit([this](const auto& one) { return Take(one); }, decoded);
}

absl::Status LogIntake::Take(const pgoutput::Begin& begin) {
  if (next_tables_ != nullptr) {
    tables_ = std::exchange(next_tables_, nullptr);
    for (auto& [oid, known] : relations_) known.fits.reset();
  }
  const auto lsn = static_cast<std::int64_t>(begin.commit_lsn);
  if (expected_ && lsn > expected_->lsn) return OtherLog();
  transaction_ = LoggedTransaction{lsn, begin.xid, begin.time_ms};
  is_old_ = lsn <= place_;
  is_mark_ = false;
  return is_old_ ? absl::OkStatus() : stage_.Begin(*transaction_);
}

absl::Status LogIntake::Take(const pgoutput::Commit& /*commit*/) {
  if (!transaction_) return absl::DataLossError("the log ends a transaction that did not begin");
  // The expected transaction ends here, but with another token or none.
  if (expected_ && transaction_->lsn == expected_->lsn) return OtherLog();
  const std::int64_t lsn = transaction_->lsn;
  transaction_.reset();
  if (is_old_) return absl::OkStatus();
  if (is_mark_) mark_lsn_ = lsn;
  has_commits_ = true;
  last_lsn_ = lsn;
  return stage_.Commit();
}

absl::Status LogIntake::Take(const pgoutput::Emitted& emitted) {
  if (!emitted.transactional || emitted.prefix != kMarkerPrefix || !transaction_) return absl::OkStatus();
  if (expected_ && transaction_->lsn == expected_->lsn && emitted.content == expected_->token) {
    expected_.reset();
    if (is_old_) mark_lsn_ = flushed_mark_lsn_ = transaction_->lsn;
  }
  if (is_old_) return absl::OkStatus();
  is_mark_ = true;
  return stage_.Mark(std::string(emitted.content));
}

absl::Status LogIntake::Take(const pgoutput::Relation& relation) {
  relations_[relation.oid] = {relation, std::nullopt};
  return absl::OkStatus();
}

const StreamedTable* LogIntake::Find(std::uint32_t oid) const {
  if (tables_ == nullptr || is_old_ || !transaction_) return nullptr;
  const auto found = tables_->find(oid);
  if (found == tables_->end() || transaction_->lsn <= found->second.floor) return nullptr;
  return &found->second;
}

template <typename Change>
absl::Status LogIntake::Take(const Change& change) {
  ++changes_;
  const StreamedTable* const table = Find(change.oid);
  if (table == nullptr) return absl::OkStatus();
  const auto known = relations_.find(change.oid);
  if (known == relations_.end())
    return absl::DataLossError("the log has rows of a relation that it did not name");
  if (!known->second.fits) known->second.fits = table->Fits(known->second.relation);
  std::optional<LoggedChange> logged;
  if (*known->second.fits) logged = ToLogged(*table, change);
  if (!logged) return stage_.GiveUp(table->table, kRedefined);
  return stage_.Take(table->table, *std::move(logged));
}

/// Each leaf of a partitioned table is named; if some are missing, their rows stay.
absl::Status LogIntake::Take(const pgoutput::Truncate& truncate) {
  std::map<std::int64_t, std::size_t> emptied;
  for (const std::uint32_t oid : truncate.oids) {
    const StreamedTable* const table = Find(oid);
    if (table == nullptr) continue;
    ++emptied[table->table];
  }
  for (const auto& [id, found] : emptied) {
    const auto leaves = static_cast<std::size_t>(std::count_if(
        tables_->begin(), tables_->end(), [id = id](const auto& one) { return one.second.table == id; }));
    absl::Status taken =
        found < leaves ? stage_.GiveUp(id, "one of its partitions was truncated") : stage_.Truncate(id);
    if (!taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status LogIntake::Flush() {
  ASSIGN_OR_RETURN(const std::int64_t place, stage_.Flush());
  if (place < last_lsn_) return StageFellBehind();
  flushed_mark_lsn_ = mark_lsn_;
  has_commits_ = false;
  return absl::OkStatus();
}

}  // namespace mirror
