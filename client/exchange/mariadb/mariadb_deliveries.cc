#include "client/exchange/mariadb/mariadb_deliveries.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/mariadb/mariadb_exchange_tables.h"
#include "client/exchange/mariadb/mariadb_inbox.h"
#include "client/exchange/mariadb/mariadb_swap.h"
#include "client/exchange/mariadb/mariadb_transaction.h"
#include "client/exchange/mariadb/mariadb_values.h"
#include "client/exchange/mariadb/mariadb_writer.h"

namespace mirror {
namespace {

constexpr char kImporting[] = "importing a delivery";

/// All that Find() gives are of this kind.
const MariadbMember& Own(const ServerMember& member) { return static_cast<const MariadbMember&>(member); }

class MariadbDatabase : public DeliveryDatabase {
 public:
  explicit MariadbDatabase(const MariadbDeliveriesOptions& options)
      : access_(options.access), rules_(options.rules), members_(options.members, rules_) {}

  absl::Status Connect() override {
    if (connection_ != nullptr && connection_->IsAlive()) return absl::OkStatus();
    Disconnect();
    ASSIGN_OR_RETURN(connection_, mariadb::Connection::Open(ConnectToChange(access_)));
    inbox_ = MakeMariadbInbox(*connection_);
    swap_ = MakeMariadbSwap(*connection_, members_);
    return absl::OkStatus();
  }
  void Disconnect() override {
    transaction_.reset();
    swap_.reset();
    inbox_.reset();
    connection_.reset();
  }

  DeliveryInbox& inbox() override { return *inbox_; }

  absl::Status Look() override { return members_.Look(*connection_); }
  const ServerMember* Find(const std::string& sent_name) const override { return members_.Find(sent_name); }

  absl::Status Begin(bool /*inserts*/) override {
    transaction_.emplace(*connection_);
    RETURN_IF_ERROR(transaction_->Begin(kImporting));
    return connection_->Execute("SAVEPOINT _mirror_import", kImporting);
  }
  absl::Status TakeBack() override {
    return connection_->Execute("ROLLBACK TO SAVEPOINT _mirror_import", kImporting);
  }
  absl::Status Commit() override {
    absl::Status committed = transaction_->Commit(kImporting);
    if (committed.ok()) transaction_.reset();
    return committed;
  }
  void RollBack() override { transaction_.reset(); }

  absl::Status LockTable(const ServerMember& member, bool writes) override;
  absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                               const std::vector<std::uint32_t>& columns,
                                               bool locks) override {
    return ReadMariadbRow(*connection_, members_, Own(member), key, columns, locks);
  }
  absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                 const std::vector<std::string>& values) override {
    return FindMariadbMatch(*connection_, members_, Own(member), rule, values);
  }
  absl::Status ReadReferring(const ServerMember& member, const RowOf& key, bool deletes,
                             const std::function<absl::Status(ReachedRow row, bool deletes)>& take) override {
    return ReadReferringInMariadb(*connection_, members_, Own(member), key, deletes, take);
  }
  /// No trigger of MariaDB's keeps a statement from being done without an error.
  absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) override {
    RETURN_IF_ERROR(WriteMariadbRow(*connection_, members_, task, Own(member), key));
    return true;
  }
  /// A row that is written as it is has no entry in the binlog.
  absl::Status NoteConflict(const ServerMember& member, const RowOf& key) override {
    return connection_->Execute(
        absl::StrCat("INSERT INTO _mirror_conflicts (table_name, `key`) VALUES (",
                     mariadb::QuotedText(member.table.name()), ", ", mariadb::QuotedText(KeyText(key)), ")"),
        "noting the row for the next push");
  }

  SwapDatabase* swaps() override { return swap_.get(); }

  Fate FateOf(const absl::Status& status) const override {
    if (mariadb::TroubleOf(status) == mariadb::Trouble::kLost) return Fate::kUnknown;
    return absl::IsAborted(status) ? Fate::kAgain : Fate::kEnds;
  }
  std::string Refusal(const absl::Status& status) const override { return MariadbRefusal(status); }

 private:
  const MariadbAccess access_;
  const ExchangeRules rules_;
  MariadbMembers members_;
  std::unique_ptr<mariadb::Connection> connection_;  ///< Null: there is none yet.
  std::unique_ptr<DeliveryInbox> inbox_;             ///< Of that.
  std::unique_ptr<SwapDatabase> swap_;               ///< The same.
  std::optional<MariadbTransaction> transaction_;
};

absl::Status MariadbDatabase::LockTable(const ServerMember& member, bool /*writes*/) {
  const MariadbTable& table = Own(member).known->table;
  RETURN_IF_ERROR(connection_->Execute(absl::StrCat("SELECT 1 FROM ", table.quoted, " LIMIT 0"),
                                       absl::StrCat("locking table '", table.name, "'")));
  ASSIGN_OR_RETURN(const bool same, MariadbMembers::IsAsLooked(*connection_, Own(member)));
  if (same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", table.name, "' was changed meanwhile"));
}

}  // namespace

MariadbDeliveries::MariadbDeliveries(const MariadbDeliveriesOptions& options)
    : ServerDeliveries(std::make_unique<MariadbDatabase>(options), options.rules, options.clock),
      access_(options.access) {}

absl::Status MariadbDeliveries::Check() const {
  ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open(ConnectToChange(access_)));
  return CheckMariadbExchange(*connection);
}

}  // namespace mirror
