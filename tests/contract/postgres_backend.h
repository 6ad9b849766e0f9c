#ifndef MIRROR_TESTS_CONTRACT_POSTGRES_BACKEND_H_
#define MIRROR_TESTS_CONTRACT_POSTGRES_BACKEND_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/failure.h"
#include "proto/wire/text_form.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "tests/contract/backend.h"
#include "tests/support/citus_double.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// In a database of its own. Partners and DBAs see its schema alone, as those do who set search_path to it.
/// MIRROR_TEST_CITUS: "double" has its place take that for a cluster of Citus; the conninfo of a coordinator
/// has it work in that database, one test after the other, and take away what it made: see tests/citus.sh.
class PostgresBackend final : public Backend {
 public:
  static std::string Citus() {
    const char* const given = std::getenv("MIRROR_TEST_CITUS");
    return given == nullptr ? "" : given;
  }
  static bool IsOnCluster() { return !Citus().empty() && Citus() != "double"; }

  PostgresBackend() {
    const std::string citus = Citus();
    PlaceOptions options{.name = "test"};
    if (!citus.empty()) options.kind = PlaceKind::kCitus;
    if (!IsOnCluster()) {
      PostgresServer* const server = PostgresServer::Shared();
      if (server == nullptr) throw std::runtime_error("there is no PostgreSQL");
      conninfo_ = options.conninfo = server->NewDatabase();
      if (!citus.empty()) {
        double_ = std::make_unique<CitusDouble>(*server, conninfo_);
        options.conninfo = double_->Conninfo();
      }
    } else {
      conninfo_ = options.conninfo = citus;
      TakeAway();
    }
    absl::StatusOr<std::unique_ptr<PostgresPlace>> place = PostgresPlace::Open(options);
    EXPECT_THAT(place, IsOk());
    place_ = *std::move(place);
  }
  ~PostgresBackend() override {
    place_.reset();
    if (IsOnCluster()) TakeAway();
  }
  bool Can(Capability capability) const override { return capability == Capability::kPartnerSql; }
  std::unique_ptr<Store> Open() override { return Open({.value_bytes_max = kValueBytesMax}); }
  std::unique_ptr<Store> Open(const PostgresStoreOptions& options) {
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenPostgresStore(*place_, "ctx", /*create=*/true, options);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  PostgresPlace& place() { return *place_; }
  Rows Visible(const TableSchema& table) override {
    const auto partner = Connect();
    const std::vector<PostgresAgreed> agreed = Need(SelectAgreed(*partner, names_, {table.name}));
    const PostgresKinds kinds = KindsOf(table, agreed.empty() ? "" : agreed.front().kinds);
    std::vector<std::uint32_t> columns(table.columns.size());
    for (std::uint32_t i = 0; i < columns.size(); ++i) columns[i] = i;
    PostgresStoredRows stored(table, kinds, columns);
    const postgres::Rows found = Need(partner->Query(
        absl::StrCat("SELECT ", stored.SelectList("m"), " FROM ", QuoteName(table.name), " AS m")));
    Rows rows;
    for (int row = 0; row < found.rows(); ++row) {
      RowBlock block = RowBlock::ForAll(table);
      const absl::Status read = stored.Append(found, row, &block);
      if (!read.ok()) throw std::runtime_error(read.ToString());
      Row& out = rows.emplace_back();
      for (const ColumnBuffer& column : block.columns)
        out.push_back(CellOf(table.columns[column.column()], column));
    }
    return Sorted(rows);
  }
  void SetLsnByHand(const std::string& table, std::int64_t lsn) override {
    const absl::Status set = ChangeLsn(table, lsn, "10s");
    if (!set.ok()) throw std::runtime_error(set.ToString());
  }
  bool TryLsnByHand(const std::string& table, std::int64_t lsn) override {
    const absl::Status set = ChangeLsn(table, lsn, "1ms");
    if (postgres::TroubleOf(set) == postgres::Trouble::kLockTimeout) return false;
    EXPECT_THAT(set, IsOk());
    return set.ok();
  }
  void DeleteRecordByHand(const std::string& table) override {
    Do(absl::StrCat("DELETE FROM ctx_mirroring WHERE table_name = '", table, "'"));
  }
  std::vector<std::int64_t> Leftovers() override {
    const Rows counts = See(
        "SELECT (SELECT count(*) FROM _mirror_state WHERE kind = 4), (SELECT count(*) FROM (SELECT DISTINCT "
        "table_key, number FROM _mirror_receipts WHERE kind = 3) AS parts), "
        "(SELECT count(*) FROM _mirror_state WHERE kind = 5)");
    return {counts[0][0].integer, counts[0][1].integer, counts[0][2].integer};
  }
  void Do(const std::string& sql) override {
    const absl::Status done = Connect()->Execute(sql);
    if (!done.ok()) throw std::runtime_error(absl::StrCat(sql.substr(0, 200), ": ", done.ToString()));
  }
  Rows See(const std::string& sql) override {
    const postgres::Rows found = Need(Connect()->Query(sql));
    Rows rows;
    for (int row = 0; row < found.rows(); ++row) {
      Row& out = rows.emplace_back();
      for (int column = 0; column < found.columns(); ++column) out.push_back(Seen(found, row, column));
    }
    return rows;
  }
  std::vector<std::string> IndexesOf(const std::string& table) override {
    std::vector<std::string> names;
    for (const Row& row : See(absl::StrCat(
             "SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE "
             "i.indrelid = '",
             QuoteName(table), "'::regclass AND NOT i.indisprimary ORDER BY c.relname COLLATE \"C\""))) {
      names.push_back(row[0].bytes);
    }
    return names;
  }
  bool IsWhole() override {
    // amcheck looks into each index, and for the rows of its table in it.
    Do("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public");
    const auto partner = Connect();
    return partner
        ->Query(
            "SELECT public.bt_index_check(i.indexrelid, true) FROM pg_index AS i JOIN pg_class AS c ON "
            "c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname = 'btree' AND "
            "c.relnamespace = to_regnamespace('\"Mirror_ctx\"')")
        .ok();
  }

 private:
  /// Of a database that others use afterwards.
  void TakeAway() const {
    const auto connection = Connect();
    const auto schemas = connection->Query(
        "SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname = 'Mirror_ctx' OR "
        "nspname ~ '^mirror_(import|aside)_[0-9a-f]+$'");
    for (int row = 0; schemas.ok() && row < schemas->rows(); ++row)
      EXPECT_THAT(connection->Execute(schemas->Text(row, 0)), IsOk());
  }
  std::unique_ptr<postgres::Connection> Connect() const {
    auto connection = postgres::Connection::Open(
        {.conninfo = conninfo_, .application_name = "partner", .settings = {{"search_path", "Mirror_ctx"}}});
    EXPECT_THAT(connection, IsOk());
    return *std::move(connection);
  }
  template <typename Value>
  static Value Need(absl::StatusOr<Value> value) {
    if (!value.ok()) throw std::runtime_error(value.status().ToString());
    return *std::move(value);
  }
  absl::Status ChangeLsn(const std::string& table, std::int64_t lsn, const std::string& patience) const {
    return Connect()->Execute(absl::StrCat(
        "SET lock_timeout = '", patience, "'; UPDATE ctx_mirroring SET lineage = CASE WHEN ", lsn,
        " < 0 THEN lineage ELSE 'by hand' END, lsn = ", lsn, " WHERE table_name = '", table, "'"));
  }

  /// The only value of a block's column, as a SQLite mirror shows it.
  static Cell CellOf(const Column& column, const ColumnBuffer& value) {
    const char kind = value.kinds().empty() ? '\0' : value.kinds()[0];
    const bool any = value.storage() == Storage::kAny;
    if (any ? kind == static_cast<char>(Kind::kNull) : !value.nulls().empty()) return {};
    if (HasTextForm(column.type)) {
      return TextForm(column, value.ints().empty() ? 0 : value.ints()[0], value.data());
    }
    if (!value.ints().empty()) return value.ints()[0];
    if (!value.doubles().empty()) return value.doubles()[0];
    const bool blob = any ? kind == static_cast<char>(Kind::kBlob) : column.type == Type::kBytes;
    return blob ? Blob(value.data()) : Cell(value.data());
  }
  /// What a statement of a partner's gave.
  static Cell Seen(const postgres::Rows& rows, int row, int column) {
    if (rows.IsNull(row, column)) return {};
    switch (rows.TypeOf(column)) {
      case postgres::Type::kBool:
      case postgres::Type::kInt2:
      case postgres::Type::kInt4:
      case postgres::Type::kInt8:
      case postgres::Type::kOid:
        return rows.Int(row, column);
      case postgres::Type::kFloat4:
      case postgres::Type::kFloat8:
        return rows.Real(row, column);
      case postgres::Type::kBytea:
        return Blob(rows.Text(row, column));
      case postgres::Type::kText:
      case postgres::Type::kName:
      case postgres::Type::kVarchar:
        return rows.Text(row, column);
      default:
        throw std::runtime_error(absl::StrCat("no test reads column ", column, " of that type yet"));
    }
  }

  const PostgresOwnTables names_{"ctx", SchemaOf("ctx")};
  std::string conninfo_;
  std::unique_ptr<CitusDouble> double_;
  std::unique_ptr<PostgresPlace> place_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_POSTGRES_BACKEND_H_
