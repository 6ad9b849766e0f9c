#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/store/catalog/audit_rows.h"
#include "server/store/catalog/postgres/postgres_catalog.h"

namespace mirror {
namespace {

using postgres::Value;

constexpr char kReadingAudit[] = "reading the audit log";
constexpr char kWritingAudit[] = "adding to the audit log";

class PostgresAuditRows final : public AuditRows {
 public:
  explicit PostgresAuditRows(postgres::Connection& connection) : connection_(connection) {}

  /// A new chain when there is none. Its row is this transaction's until the end: records of several servers
  /// stand one behind the other, and none is pruned meanwhile.
  absl::StatusOr<AuditPoint> Before() override {
    constexpr char kSql[] = "SELECT chain, before_id, before_hash FROM mirror_control.audit_chain FOR UPDATE";
    auto rows = connection_.Query(kSql, {}, kReadingAudit);
    if (rows.ok() && rows->rows() == 0) {
      const AuditPoint begin = AuditGenesis(NewAuditChain());
      const auto made = connection_.Run(
          "INSERT INTO mirror_control.audit_chain VALUES (true, $1, 0, $2) ON CONFLICT DO NOTHING",
          {begin.chain, Value::Bytes(begin.hash)}, kWritingAudit);
      if (!made.ok()) return made.status();
      rows = connection_.Query(kSql, {}, kReadingAudit);
    }
    if (!rows.ok()) return rows.status();
    AuditPoint point;
    if (rows->rows() == 0) return point;
    point.chain = rows->Text(0, 0);
    point.id = static_cast<std::uint64_t>(rows->Int(0, 1));
    point.hash = rows->Text(0, 2);
    return point;
  }
  absl::StatusOr<AuditPoint> Last(AuditPoint before) override {
    ASSIGN_OR_RETURN(const auto rows,
                     connection_.Query("SELECT id, hash FROM mirror_control.audit ORDER BY id DESC LIMIT 1",
                                       {}, kReadingAudit));
    if (rows.rows() == 0) return before;
    before.id = static_cast<std::uint64_t>(rows.Int(0, 0));
    before.hash = rows.Text(0, 1);
    return before;
  }
  absl::StatusOr<std::optional<std::string>> HashOf(std::uint64_t id) override {
    ASSIGN_OR_RETURN(const auto rows, connection_.Query("SELECT hash FROM mirror_control.audit WHERE id = $1",
                                                        {id}, kReadingAudit));
    return rows.rows() == 0 ? std::nullopt : std::optional(rows.Text(0, 0));
  }
  absl::Status Insert(const AuditRecord& record) override {
    return connection_
        .Run("INSERT INTO mirror_control.audit VALUES ($1, $2, $3, $4, $5, $6, $7)",
             {record.id, record.time_ms, Value::Bytes(record.who), Value::Bytes(record.call),
              Value::Bytes(record.outcome), Value::Bytes(record.seal), Value::Bytes(record.hash)},
             kWritingAudit)
        .status();
  }
  absl::Status CutAt(const AuditPoint& cut) override {
    RETURN_IF_ERROR(
        connection_.Run("DELETE FROM mirror_control.audit WHERE id <= $1", {cut.id}, kWritingAudit).status());
    return connection_
        .Run("UPDATE mirror_control.audit_chain SET before_id = $1, before_hash = $2",
             {cut.id, Value::Bytes(cut.hash)}, kWritingAudit)
        .status();
  }

 private:
  postgres::Connection& connection_;
};

class PostgresAuditLog final : public AuditLog {
 public:
  explicit PostgresAuditLog(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) override {
    Added added;
    RETURN_IF_ERROR(control_->Write([&](postgres::Connection& connection) {
      PostgresAuditRows rows(connection);
      return Take(AddToChain(rows, record, seal), &added);
    }));
    return added;
  }

  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) override {
    std::optional<Added> added;
    RETURN_IF_ERROR(control_->Write([&](postgres::Connection& connection) {
      PostgresAuditRows rows(connection);
      return Take(PruneChain(rows, keep, record, seal), &added);
    }));
    return added;
  }

  absl::StatusOr<AuditState> State() override {
    AuditState state;
    RETURN_IF_ERROR(control_->Write([&](postgres::Connection& connection) {
      PostgresAuditRows rows(connection);
      return Take(StateOfChain(rows), &state);
    }));
    return state;
  }

  absl::StatusOr<bool> Holds(const AuditPoint& point) override {
    bool holds = false;
    absl::Status status = control_->Write([&](postgres::Connection& connection) -> absl::Status {
      ASSIGN_OR_RETURN(const auto before, PostgresAuditRows(connection).Before());
      // What was pruned since says nothing.
      holds = point.chain == before.chain && point.id <= before.id;
      if (holds || point.chain != before.chain) return absl::OkStatus();
      const auto there =
          connection.Number("SELECT count(*) FROM mirror_control.audit WHERE id = $1 AND hash = $2",
                            {point.id, Value::Bytes(point.hash)}, kReadingAudit);
      holds = there.ok() && *there == 1;
      return there.status();
    });
    if (!status.ok()) return status;
    return holds;
  }

  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) override {
    std::vector<AuditRecord> records;
    RETURN_IF_ERROR(control_->Run([&](postgres::Connection& connection) -> absl::Status {
      records.clear();
      ASSIGN_OR_RETURN(
          const auto rows,
          connection.Query("SELECT id, time_ms, who, call, outcome, seal, hash FROM mirror_control.audit "
                           "WHERE id > $1 ORDER "
                           "BY "
                           "id LIMIT $2",
                           {std::min<std::uint64_t>(after_id, INT64_MAX), limit}, kReadingAudit));
      for (int row = 0; row < rows.rows(); ++row) {
        records.push_back({.id = static_cast<std::uint64_t>(rows.Int(row, 0)),
                           .time_ms = rows.Int(row, 1),
                           .who = rows.Text(row, 2),
                           .call = rows.Text(row, 3),
                           .outcome = rows.Text(row, 4),
                           .seal = rows.Text(row, 5),
                           .hash = rows.Text(row, 6)});
      }
      return absl::OkStatus();
    }));
    return records;
  }

 private:
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<PostgresAuditLog>(std::move(control));
}

}  // namespace mirror
