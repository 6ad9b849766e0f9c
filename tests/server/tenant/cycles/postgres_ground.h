#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_POSTGRES_GROUND_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_POSTGRES_GROUND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/home/postgres_home.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/cycles/ground.h"
#include "tests/support/postgres_server.h"
#include "tests/support/rows.h"

namespace mirror::model {

/// The mirror's schema as a DBA has it in a psql whose search_path is that.
class PostgresBeside final : public Beside {
 public:
  PostgresBeside(std::string conninfo, std::string context_id)
      : conninfo_(std::move(conninfo)),
        context_id_(std::move(context_id)),
        names_(context_id_, SchemaOf(context_id_)) {}

  void Close() override { connection_.reset(); }
  Rows Query(const std::string& sql) override {
    const postgres::Rows found = Ask(sql);
    Rows rows;
    for (int row = 0; row < found.rows(); ++row) {
      rows.emplace_back();
      for (int column = 0; column < found.columns(); ++column) {
        rows.back().push_back(ValueOf(found, row, column));
      }
    }
    return rows;
  }
  bool IsThere() const override {
    return Number("SELECT count(*) FROM pg_namespace WHERE nspname = '" + SchemaOf(context_id_) + "'") == 1;
  }
  std::size_t Tables() override {
    return static_cast<std::size_t>(
        Number("SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE "
               "n.nspname = '" +
               SchemaOf(context_id_) + "' AND c.relkind = 'r' AND c.relname NOT LIKE '\\_mirror\\_%'"));
  }
  Leftovers LeftBehind() override {
    return {Number("SELECT count(*) FROM _mirror_state WHERE kind = 4"),
            Number("SELECT count(*) FROM _mirror_receipts WHERE kind = 3")};
  }
  /// As the store reads it, in the columns that the table has.
  Rows RowsOf(const MirrorTable& table) override {
    const TableSchema& visible = table.visible;
    const auto agreed = Need(SelectAgreed(Connected(), names_, {table.name}), "the definition");
    const PostgresKinds kinds = KindsOf(visible, agreed.empty() ? "" : agreed.front().kinds);
    std::vector<std::uint32_t> columns(visible.columns.size());
    for (std::uint32_t i = 0; i < columns.size(); ++i) columns[i] = i;
    PostgresStoredRows stored(visible, kinds, columns);
    const postgres::Rows found =
        Ask(absl::StrCat("SELECT ", stored.SelectList("m"), " FROM ", QuoteName(table.name), " AS m"));
    Rows rows;
    for (int row = 0; row < found.rows(); ++row) {
      RowBlock block = RowBlock::ForAll(visible);
      const absl::Status read = stored.Append(found, row, &block);
      Require(read.ok(), absl::StrCat("a row of '", table.name, "': ", std::string(read.message())));
      rows.emplace_back();
      for (const ColumnBuffer& column : block.columns) {
        const Column& of = visible.columns[column.column()];
        rows.back().push_back(Stored(of, CellOf(of, column)));
      }
    }
    return rows;
  }
  bool Has(const std::string& object) override {
    return Number(
               "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
               "WHERE n.nspname = '" +
               SchemaOf(context_id_) + "' AND c.relname = '" + object + "'") == 1;
  }
  bool TakesObjects() const override { return false; }
  bool CanKeep(const TableSchema& table) const override { return CheckHoldable(table, context_id_).ok(); }

 private:
  postgres::Connection& Connected() const {
    if (connection_ == nullptr) {
      connection_ = Need(postgres::Connection::Open({.conninfo = conninfo_,
                                                     .application_name = "owner",
                                                     .settings = {{"search_path", SchemaOf(context_id_)}}}),
                         "the owner's connection");
    }
    return *connection_;
  }
  template <typename Value>
  static Value Need(absl::StatusOr<Value> value, const std::string& what) {
    Require(value.ok(), absl::StrCat(what, ": ", value.status().ToString()));
    return *std::move(value);
  }
  postgres::Rows Ask(const std::string& sql) const {
    return Need(Connected().Query(sql), absl::StrCat("the owner's \"", Printable(sql), "\""));
  }
  std::int64_t Number(const std::string& sql) const { return Ask(sql).Int(0, 0); }

  static std::string ValueOf(const postgres::Rows& rows, int row, int column) {
    if (rows.IsNull(row, column)) return "N";
    switch (rows.TypeOf(column)) {
      case postgres::Type::kBytea:
        return "B" + rows.Text(row, column);
      case postgres::Type::kText:
      case postgres::Type::kName:
        return "T" + rows.Text(row, column);
      default:
        return absl::StrCat("I", rows.Int(row, column));
    }
  }
  /// The only value of a block's column, as the source had it.
  static Cell CellOf(const Column& column, const ColumnBuffer& value) {
    const Kind kind = value.kinds().empty() ? Kind::kNull : static_cast<Kind>(value.kinds()[0]);
    const bool any = value.storage() == Storage::kAny;
    if (any ? kind == Kind::kNull : !value.nulls().empty()) return {};
    if (!value.ints().empty()) return {.kind = Kind::kInteger, .integer = value.ints()[0]};
    if (!value.doubles().empty()) return {.kind = Kind::kReal, .real = value.doubles()[0]};
    const bool blob = any ? kind == Kind::kBlob : column.type == Type::kBytes || column.type == Type::kUuid;
    return {.kind = blob ? Kind::kBlob : Kind::kText, .bytes = std::string(value.data())};
  }

  const std::string conninfo_;
  const std::string context_id_;
  const PostgresOwnTables names_;
  mutable std::unique_ptr<postgres::Connection> connection_;
};

/// One database of a PostgreSQL of the test's own, with the control tables and the one place of all servers.
class PostgresGround final : public Ground {
 public:
  PostgresGround(PostgresServer& server, std::string conninfo)
      : server_(server), conninfo_(std::move(conninfo)) {}

  absl::StatusOr<std::unique_ptr<StoreHome>> OpenHome() override {
    auto control = PostgresControl::Open({.conninfo = conninfo_});
    if (!control.ok()) return control.status();
    auto place = PostgresPlace::Open({.name = "p1", .conninfo = conninfo_});
    if (!place.ok()) return place.status();
    folders_.push_back(std::make_unique<ScratchFolder>());
    auto files = OpenSqliteHome(folders_.back()->path(), SqliteOptions{});
    if (!files.ok()) return files.status();
    std::vector<std::shared_ptr<PostgresPlace>> places;
    places.push_back(*std::move(place));
    return OpenPostgresHome(*std::move(control), std::move(places), {.files = *std::move(files)});
  }
  void Kill() override {
    server_.Kill();
    const absl::Status started = server_.StartAgain();
    Require(started.ok(), "PostgreSQL behind a kill: " + started.ToString());
  }
  std::unique_ptr<Beside> BesideOf(const std::string& context_id) override {
    return std::make_unique<PostgresBeside>(conninfo_, context_id);
  }
  const std::string& folder() const override { return copies_.path(); }
  std::string NameOfNone() const override { return std::string(64, 'x'); }
  bool KeepsAnyInKeys() const override { return false; }
  /// Where PostgreSQL would write all rows anew, they come again instead.
  bool AltersAll() const override { return false; }

 private:
  PostgresServer& server_;
  const std::string conninfo_;
  ScratchFolder copies_;
  std::vector<std::unique_ptr<ScratchFolder>> folders_;  ///< Of the homes' files.
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_POSTGRES_GROUND_H_
