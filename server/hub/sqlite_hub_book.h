#ifndef MIRROR_SERVER_HUB_SQLITE_HUB_BOOK_H_
#define MIRROR_SERVER_HUB_SQLITE_HUB_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/statement.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// The upkeep of a SqliteHubBook, in its transaction.
class SqliteHubUpkeep final : public HubUpkeep {
 public:
  /// The arguments must outlive it.
  SqliteHubUpkeep(const HubRules& rules, sqlite::StatementCache& statements)
      : rules_(rules), statements_(statements) {}

  absl::StatusOr<std::vector<RowRef>> DoomedRows() override;
  absl::StatusOr<std::vector<Glance>> RowsAfter(std::int64_t row_id) override;
  absl::StatusOr<std::vector<std::string>> EmptySince(std::int64_t at, std::size_t limit) override;
  absl::StatusOr<std::vector<std::string>> RecordsOfOthers() override;
  absl::Status ForgetRecord(const GoldenRecord& record) override;
  absl::Status ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) override;
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id) override;

 private:
  sqlite::Statement Prepare(const std::string& sql) { return statements_.Prepare(sql, "the hub's file"); }

  const HubRules& rules_;
  sqlite::StatementCache& statements_;
};

/// A hub's book in SQLite, within a transaction that the caller begins and ends. `connection` and `rules`
/// must outlive it, and the file must be laid out for these rules.
class SqliteHubBook final : public HubBook {
 public:
  SqliteHubBook(const sqlite::Connection& connection, const HubRules& rules)
      : rules_(rules), statements_(connection), connection_(connection), upkeep_(rules, statements_) {}

  absl::StatusOr<HubState> ReadState() override;
  absl::Status WriteState(const HubState& state) override;
  absl::StatusOr<std::map<std::string, HubFeed>> ReadFeeds() override;
  absl::Status WriteFeed(const std::string& data_source, const HubFeed& feed) override;

  absl::StatusOr<std::optional<MemberRow>> ReadRow(const RowRef& ref) override;
  absl::StatusOr<std::vector<MemberRow>> RowsOf(const std::string& golden_id) override;
  absl::StatusOr<std::vector<RowRef>> UnreadRows(const std::string& data_source, const std::string& table,
                                                 std::int64_t read_at) override;
  absl::Status WriteRow(const MemberRow& row, const KeyHashes& keys) override;
  absl::Status RemoveRow(const MemberRow& row) override;

  absl::StatusOr<std::optional<GoldenRecord>> ReadRecord(const std::string& id) override;
  absl::Status WriteRecord(const GoldenRecord& record, const KeyHashes& keys) override;
  absl::Status MergeRecord(const GoldenRecord& gone, const std::string& into) override;
  absl::StatusOr<std::string> Alive(const std::string& golden_id) override;
  absl::StatusOr<std::string> IssuedFor(const std::string& delivery_id) override;
  absl::Status WriteIssued(const std::string& delivery_id, const std::string& golden_id,
                           std::int64_t at) override;

  absl::StatusOr<KeyOwners> FoundBy(const std::string& entity, const std::string& hash) override;
  absl::StatusOr<HubWork> NextWork() override;

  absl::StatusOr<std::vector<HubDelivery>> DeliveriesOf(const std::string& golden_id) override;
  absl::Status ReadOpen(const std::string& data_source, const TakeOne& take) override;
  absl::Status WriteDelivery(const HubDelivery& delivery) override;
  absl::Status RemoveDelivery(const HubDelivery& delivery) override;
  absl::Status NoteRefused(const std::string& delivery_id, const Refusal& refusal) override;

  absl::StatusOr<std::map<std::string, HubCounts>> CountAll() override;
  absl::Status ReadDeliveries(Which which, const TakeOne& take) override;
  absl::Status HoldFresh(const std::string& data_source, bool inserts) override;
  absl::Status EndFresh() override;
  HubUpkeep& upkeep() override { return upkeep_; }

 private:
  sqlite::Statement Prepare(const std::string& sql) { return statements_.Prepare(sql, "the hub's file"); }
  absl::Status Index(const std::string& entity, std::int64_t row_id, const std::string& golden_id,
                     const KeyHashes& was, const KeyHashes& keys);
  absl::Status WriteAttributes(const GoldenRecord& record);

  const HubRules& rules_;
  sqlite::StatementCache statements_;
  const sqlite::Connection& connection_;
  std::map<std::string, std::string> golden_sql_;  ///< By entity: SQL that writes a row of golden_<entity>.
  SqliteHubUpkeep upkeep_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_HUB_BOOK_H_
