#include "client/exchange/postgres/postgres_deliveries.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "client/exchange/postgres/postgres_boxes.h"
#include "client/exchange/postgres/postgres_exchange_tables.h"
#include "client/exchange/postgres/postgres_inbox.h"
#include "client/exchange/postgres/postgres_match_set.h"
#include "client/exchange/postgres/postgres_swap.h"
#include "client/exchange/postgres/postgres_triggered.h"
#include "client/exchange/postgres/postgres_values.h"
#include "client/exchange/postgres/postgres_writer.h"

namespace mirror {
namespace {

constexpr char kImporting[] = "importing a delivery";

/// All that Find() gives are of this kind.
const PostgresMember& Own(const ServerMember& member) { return static_cast<const PostgresMember&>(member); }

/// A session that sees what was there before the transaction of another one. Threads: one.
class BesideSession {
 public:
  explicit BesideSession(PostgresAccess access) : access_(std::move(access)) {}
  /// Opens it where it is not open. Errors: those of Connection::Open().
  absl::StatusOr<postgres::Connection*> Get() {
    if (connection_ == nullptr || !connection_->IsOpen()) {
      ASSIGN_OR_RETURN(connection_, postgres::Connection::Open(ConnectToSource(access_)));
    }
    return connection_.get();
  }
  void End() { connection_.reset(); }

 private:
  const PostgresAccess access_;
  std::unique_ptr<postgres::Connection> connection_;  ///< Null: there is none.
};

class PostgresDatabase : public DeliveryDatabase {
 public:
  explicit PostgresDatabase(const PostgresDeliveriesOptions& options)
      : access_(options.access),
        rules_(options.rules),
        schema_(options.members.schema),
        layout_(options.layout),
        beside_(options.access),
        members_(options.members, rules_),
        box_members_(options.members, rules_) {}

  absl::Status Connect() override {
    if (connection_ != nullptr && connection_->IsOpen()) return absl::OkStatus();
    Disconnect();
    ASSIGN_OR_RETURN(connection_, postgres::Connection::Open(ConnectToChange(access_)));
    swap_.emplace(*connection_, members_, *this);
    boxes_.emplace(*connection_, box_members_, schema_);
    if (layout_) shown_ = layout_(*boxes_);
    ShownInPostgres told;
    if (shown_ != nullptr) {
      told = [this](const FetchedDeliveries& fetched, std::int64_t now_ms) {
        absl::Status filled = shown_->Filled(fetched, now_ms);
        return filled.ok() ? boxes_->Flush() : filled;
      };
    }
    inbox_ = MakePostgresInbox(*connection_, schema_, std::move(told));
    return absl::OkStatus();
  }
  void Disconnect() override {
    sets_.clear();
    shown_.reset();
    boxes_.reset();
    swap_.reset();
    inbox_.reset();
    connection_.reset();
    beside_.End();
  }

  DeliveryInbox& inbox() override { return *inbox_; }

  absl::Status Look() override {
    sets_.clear();
    return members_.Look(*connection_);
  }
  const ServerMember* Find(const std::string& sent_name) const override { return members_.Find(sent_name); }
  absl::Status PrepareMatch(const ServerMember& member, const MatchRule& rule) override;

  absl::Status Begin(bool inserts) override {
    transaction_.emplace(*connection_);
    absl::Status begun = transaction_->Begin({.repeatable_read = true, .serializable = inserts}, kImporting);
    // What it sets is not taken back with the savepoint.
    if (begun.ok() && shown_ != nullptr) begun = shown_->Importing();
    if (!begun.ok()) return begun;
    savepoint_.emplace(*connection_);
    return savepoint_->Begin(kImporting);
  }
  absl::Status TakeBack() override {
    absl::Status back = savepoint_->RollBack(kImporting);
    if (back.ok()) savepoint_.reset();
    return back;
  }
  absl::Status Commit() override {
    if (savepoint_) {
      RETURN_IF_ERROR(savepoint_->Release(kImporting));
      savepoint_.reset();
    }
    absl::Status committed = transaction_->Commit(kImporting);
    if (committed.ok()) transaction_.reset();
    return committed;
  }
  void RollBack() override {
    if (swap_) swap_->Forget();
    savepoint_.reset();
    transaction_.reset();
  }

  absl::Status LockTable(const ServerMember& member, bool writes) override;
  absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                               const std::vector<std::uint32_t>& columns,
                                               bool locks) override {
    return ReadPostgresRow(*connection_, members_, Own(member), key, columns, locks);
  }
  absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                 const std::vector<std::string>& values) override;
  absl::Status ReadReferring(const ServerMember& member, const RowOf& key, bool deletes,
                             const std::function<absl::Status(ReachedRow row, bool deletes)>& take) override {
    return ReadReferringInPostgres(*connection_, members_, Own(member), key, deletes, take);
  }
  absl::Status BeginTriggered() override {
    triggered_.emplace(*connection_, members_, [this] { return beside_.Get(); });
    return triggered_->Begin();
  }
  absl::StatusOr<std::vector<TriggeredRow>> FindTriggered(const RowNames& known) override {
    return triggered_->Find(known);
  }
  absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) override {
    return WritePostgresRow(*connection_, members_, task, Own(member), /*checks=*/!swap_->is_open(), key);
  }
  absl::Status NoteConflict(const ServerMember& member, const RowOf& key) override {
    return NotePostgresConflict(*connection_, Own(member), key);
  }

  absl::Status ShowImported(const v1::Delivery& delivery, const ImportResult& result,
                            std::int64_t now_ms) override {
    if (shown_ == nullptr) return absl::OkStatus();
    absl::Status told = shown_->Imported(delivery, result, now_ms);
    return told.ok() ? boxes_->Flush() : told;
  }
  BoxSource* boxes() override { return boxes_ ? &*boxes_ : nullptr; }
  SwapDatabase* swaps() override { return &*swap_; }

  Fate FateOf(const absl::Status& status) const override {
    switch (postgres::TroubleOf(status)) {
      case postgres::Trouble::kCommitUnknown:
        return Fate::kUnknown;
      case postgres::Trouble::kNotReplicated:
        return Fate::kUnsafe;
      default:
        return absl::IsAborted(status) ? Fate::kAgain : Fate::kEnds;
    }
  }
  std::string Refusal(const absl::Status& status) const override { return PostgresRefusal(status); }

 private:
  const PostgresAccess access_;
  const ExchangeRules rules_;
  const std::string schema_;
  const MakeInboxLayout layout_;
  BesideSession beside_;  ///< See PostgresTriggered.
  PostgresMembers members_;
  PostgresMembers box_members_;  ///< Looked at by the boxes alone, whenever they have to.
  std::unique_ptr<postgres::Connection> connection_;  ///< Null: there is none yet.
  std::unique_ptr<DeliveryInbox> inbox_;              ///< Of `connection_`.
  std::optional<PostgresSwap> swap_;                  ///< The same.
  std::optional<PostgresBoxes> boxes_;                ///< Of that.
  std::unique_ptr<InboxLayout> shown_;                ///< Of those; null: nothing is shown.
  std::map<std::pair<std::int64_t, MatchRule>, PostgresMatchSet> sets_;  ///< By the table's oid.
  std::optional<PostgresTriggered> triggered_;                           ///< Of the present delivery.
  std::optional<postgres::Transaction> transaction_;
  std::optional<postgres::Savepoint> savepoint_;  ///< Of that.
};

absl::Status PostgresDatabase::PrepareMatch(const ServerMember& member, const MatchRule& rule) {
  const std::pair name(member.table.log, rule);
  if (sets_.contains(name)) return absl::OkStatus();
  ASSIGN_OR_RETURN(PostgresMatchSet made, PostgresMatchSet::Make(*connection_, members_, Own(member), rule));
  sets_.emplace(name, std::move(made));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RowOf>> PostgresDatabase::FindMatch(const ServerMember& member,
                                                                 const MatchRule& rule,
                                                                 const std::vector<std::string>& values) {
  const auto set = sets_.find({member.table.log, rule});
  // It could not be made, and the same statement says why.
  if (set == sets_.end()) return absl::AbortedError("the table's rows were not looked at");
  RETURN_IF_ERROR(set->second.CatchUp(*connection_, members_));
  return set->second.Find(*connection_, members_, values);
}

absl::Status PostgresDatabase::LockTable(const ServerMember& member, bool writes) {
  RETURN_IF_ERROR(
      connection_->Execute(absl::StrCat("LOCK TABLE ", Own(member).known->table.Lockable(), " IN ",
                                        writes ? "ROW EXCLUSIVE" : "ACCESS SHARE", " MODE"),
                           absl::StrCat("locking table '", member.table.name(), "'")));
  ASSIGN_OR_RETURN(const bool same, members_.IsAsLooked(*connection_, Own(member)));
  if (same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", member.table.name(), "' was changed meanwhile"));
}

}  // namespace

PostgresDeliveries::PostgresDeliveries(const PostgresDeliveriesOptions& options)
    : ServerDeliveries(std::make_unique<PostgresDatabase>(options), options.rules, options.clock),
      access_(options.access),
      schema_(options.members.schema) {}

absl::Status PostgresDeliveries::Check() const {
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(ConnectToChange(access_)));
  return CheckPostgresExchange(*connection, schema_);
}

}  // namespace mirror
