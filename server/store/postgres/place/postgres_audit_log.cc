#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/catalog/audit_rows.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/postgres/place/postgres_catalog.h"

namespace mirror {
namespace {

using postgres::Value;

constexpr char kReadingAudit[] = "reading the audit log";
constexpr char kWritingAudit[] = "adding to the audit log";

class PostgresAuditRows final : public AuditRows {
 public:
  explicit PostgresAuditRows(postgres::Connection& connection) : connection_(connection) {}

  /// Begins a chain if there is none. Locks the row of the chain until this transaction ends. So several
  /// servers append their records one after another, and none is removed meanwhile.
  absl::StatusOr<AuditPoint> Before() override {
    const OwnTable& table = OneAuditChainTable();
    const std::string sql = table.SelectSql(kInControl, "FOR UPDATE");
    ASSIGN_OR_RETURN(auto rows, connection_.Query(sql, {}, kReadingAudit));
    if (rows.rows() == 0) {
      RETURN_IF_ERROR(WriteRow(OneAuditChainTable(), AuditGenesis(NewAuditChain()),
                               table.InsertSql(kInControl) + " ON CONFLICT DO NOTHING", connection_,
                               kWritingAudit));
      ASSIGN_OR_RETURN(rows, connection_.Query(sql, {}, kReadingAudit));
    }
    ASSIGN_OR_RETURN(const std::optional<AuditPoint> point, ReadFirst(OneAuditChainTable(), rows));
    return point.value_or(AuditPoint());
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
    return WriteRow(AuditTable(), record, AuditTable().InsertSql(kInControl), connection_, kWritingAudit);
  }
  absl::Status CutAt(const AuditPoint& cut) override {
    RETURN_IF_ERROR(
        connection_.Change("DELETE FROM mirror_control.audit WHERE id <= $1", {cut.id}, kWritingAudit));
    return connection_.Change("UPDATE mirror_control.audit_chain SET before_id = $1, before_hash = $2",
                              {cut.id, Value::Bytes(cut.hash)}, kWritingAudit);
  }

 private:
  postgres::Connection& connection_;
};

class PostgresAuditLog final : public ChainedAuditLog {
 public:
  explicit PostgresAuditLog(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::StatusOr<bool> Holds(const AuditPoint& point) override {
    bool holds = false;
    absl::Status status = control_->Write([&](postgres::Connection& connection) -> absl::Status {
      ASSIGN_OR_RETURN(const auto before, PostgresAuditRows(connection).Before());
      // A record that was removed since proves nothing.
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
    ASSIGN_OR_RETURN(const auto rows,
                     control_->Query(AuditTable().SelectSql(kInControl, "WHERE id > $1 ORDER BY id LIMIT $2"),
                                     {std::min<std::uint64_t>(after_id, INT64_MAX), limit}, kReadingAudit));
    return ReadRows(AuditTable(), rows);
  }

 protected:
  absl::Status Write(const Work& work) override {
    return control_->Write([&](postgres::Connection& connection) {
      PostgresAuditRows rows(connection);
      return work(rows);
    });
  }
  /// Reads by Write(), because that makes a chain if there is none.
  absl::Status Look(const Work& work) override { return Write(work); }

 private:
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<PostgresAuditLog>(std::move(control));
}

}  // namespace mirror
