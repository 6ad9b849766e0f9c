#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_DELIVERIES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_DELIVERIES_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/delivery_target.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/inbox_layout.h"
#include "client/exchange/postgres/postgres_boxes.h"
#include "client/exchange/postgres/postgres_inbox.h"
#include "client/exchange/postgres/postgres_match_set.h"
#include "client/exchange/postgres/postgres_members.h"
#include "client/exchange/postgres/postgres_reached.h"
#include "client/exchange/postgres/postgres_writer.h"
#include "client/source/postgres/postgres_sessions.h"

namespace mirror {

struct PostgresDeliveriesOptions {
  PostgresAccess access;
  ExchangeRules rules;
  PostgresMembers::Options members;
  Importer::Clock clock;
  MakeInboxLayout layout = nullptr;  ///< What else is told in the transactions.
};

/// A PostgreSQL database that takes deliveries, each in one transaction: an INSERT in a serializable one,
/// others in one snapshot with their row locked. One that another transaction was in the way of is begun
/// again, at most kImportAttempts times; whether one was committed whose answer was lost, the ledger says.
///
/// Memory: one row, the rows that foreign keys lead to from it, and what PostgresMatchSet needs. Locks: of
/// the delivery's row, and against changes of the definition of its table; one that is not to be had within
/// PostgresAccess::lock_within ends the run. Errors: those of Connection::Open() and its own.
class PostgresDeliveries : public DeliveryTarget {
 public:
  static constexpr int kImportAttempts = 5;

  explicit PostgresDeliveries(PostgresDeliveriesOptions options)
      : options_(std::move(options)),
        members_(options_.members, options_.rules),
        box_members_(options_.members, options_.rules) {}

  /// kFailedPrecondition: the source lacks what the exchange needs.
  absl::Status Check();

  absl::Status EmptyInbox() override;
  absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() override;
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) override;
  absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& work) override;

 private:
  /// What is shown by one session.
  struct Shown {
    Shown(postgres::Connection& connection, PostgresMembers& members,
          const PostgresDeliveriesOptions& options)
        : boxes(connection, members, options.members.schema),
          layout(options.layout ? options.layout(boxes) : nullptr) {}
    PostgresBoxes boxes;
    std::unique_ptr<InboxLayout> layout;  ///< Null: nothing.
  };
  absl::Status Connect();
  absl::Status Look();
  absl::StatusOr<ImportResult> Try(const v1::Delivery& delivery);
  static ImportResult Resolve(const ImportResult& again, const ImportResult& first);
  absl::Status MakeSets(const v1::Delivery& delivery);
  absl::StatusOr<PostgresMatchSet*> SetOf(const PostgresMember& member, const MatchRule& rule);

  // In the transaction.
  absl::StatusOr<ImportResult> Do(const v1::Delivery& delivery);
  absl::Status LockTables(const v1::Delivery& delivery, const PostgresMember* member);
  absl::Status CheckLooked(const PostgresMember& member, const char* mode);
  absl::StatusOr<ImportResult> DoTask(const DeliveryTask& task, const PostgresMember& member);
  /// Absent: nothing stands in the way of an insert.
  absl::StatusOr<std::optional<ImportResult>> FindInTheWay(const DeliveryTask& task,
                                                           const PostgresMember& member);
  absl::StatusOr<ImportResult> Conflict(const PostgresMember& member, const RowOf& key, std::string reason);
  absl::Status NoteRefused(const v1::Delivery& delivery, const std::string& reason);
  absl::Status ShowImported(const v1::Delivery& delivery, const ImportResult& result);

  const PostgresDeliveriesOptions options_;
  PostgresMembers members_;
  PostgresMembers box_members_;  ///< Looked at by the boxes alone, whenever they have to.
  bool has_looked_ = false;
  std::unique_ptr<postgres::Connection> connection_;                     ///< Null: there is none yet.
  std::optional<PostgresInbox> inbox_;                                   ///< Of that.
  std::optional<Shown> shown_;                                           ///< Of that.
  std::map<std::pair<std::int64_t, MatchRule>, PostgresMatchSet> sets_;  ///< By the table's oid.
  std::optional<ImportResult> committing_;  ///< What a transaction did whose COMMIT was sent.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_DELIVERIES_H_
