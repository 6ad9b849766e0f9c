#ifndef MIRROR_TESTS_SERVER_STORE_POSTGRES_TABLES_BENCH_H_
#define MIRROR_TESTS_SERVER_STORE_POSTGRES_TABLES_BENCH_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/definitions.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A mirror in a PostgreSQL, whose tables are made and changed as its store does it.
class PostgresTablesBench : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    connection_ = Connect();
    ASSERT_NE(connection_, nullptr);
    ASSERT_THAT(MakeOwnSchema(*connection_, "crm", names_, 1), IsOkAndHolds(Made::kHere));
    Do("CREATE SCHEMA partner");
    work_.emplace(TableWork{*connection_, names_, writes_});
  }
  std::unique_ptr<postgres::Connection> Connect() const {
    auto opened =
        postgres::Connection::Open({.conninfo = conninfo_, .settings = SessionSettings(PlaceUse::kWrite)});
    EXPECT_THAT(opened.status(), IsOk());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void Do(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }

  /// In a transaction, which lasts if it went well.
  template <typename Verb>
  absl::Status InTransaction(const Verb& verb) {
    absl::Status done = connection_->Execute("BEGIN");
    if (done.ok()) done = verb();
    if (done.ok()) done = writes_.Send(*connection_);
    writes_.Clear();
    const absl::Status ended = connection_->Execute(done.ok() ? "COMMIT" : "ROLLBACK");
    return done.ok() ? ended : done;
  }

  PostgresAgreed Agreed(const std::string& table) {
    const auto all = SelectAgreed(*connection_, names_, {table});
    EXPECT_THAT(all.status(), IsOk());
    return all.ok() && !all->empty() ? all->front() : PostgresAgreed{};
  }
  absl::Status Agree(const TableSchema& schema) {
    return InTransaction([&] {
      PostgresAgreed agreed = Agreed(schema.name);
      return RunAgreeSchema(*work_, {schema}, &agreed);
    });
  }
  absl::Status Create(const TableSchema& schema, bool lost_definition = false) {
    return InTransaction([&]() -> absl::Status {
      absl::StatusOr<PostgresAgreed> made = RunCreateTable(*work_, {KeptForm(schema), lost_definition});
      return made.ok() ? RunAgreeSchema(*work_, {schema}, &*made) : made.status();
    });
  }
  std::optional<StateRow> Lost(const std::string& table) {
    const std::vector<StateRow> rows = State(StateKind::kLostColumns, FoldName(table));
    return rows.empty() ? std::nullopt : std::make_optional(rows.front());
  }
  absl::Status Alter(const TableSchema& after, const AlterTable& alter, const Position& position = {}) {
    return InTransaction([&] {
      PostgresAgreed agreed = Agreed(after.name);
      std::optional<StateRow> lost = Lost(after.name);
      absl::Status done = RunAlterTable(*work_, position, alter, &agreed, &lost);
      return done.ok() ? RunAgreeSchema(*work_, {after}, &agreed) : done;
    });
  }
  std::vector<StateRow> State(StateKind kind, const std::optional<std::string>& key = std::nullopt) {
    const auto rows = ReadState(*connection_, names_, kind, key);
    EXPECT_THAT(rows.status(), IsOk());
    return rows.ok() ? *rows : std::vector<StateRow>();
  }

  /// The rows, each as "a|b", NULL as "-".
  std::vector<std::string> See(const std::string& sql) {
    const auto rows =
        connection_->Query(absl::StrCat("SELECT array_to_string(ARRAY(SELECT coalesce(value #>> '{}', '-') "
                                        "FROM json_each(row_to_json(seen))), "
                                        "'|') FROM (",
                                        sql, ") AS seen"));
    EXPECT_THAT(rows.status(), IsOk()) << sql;
    std::vector<std::string> all;
    for (int row = 0; rows.ok() && row < rows->rows(); ++row) all.push_back(rows->Text(row, 0));
    return all;
  }
  /// "id bigint", in their order.
  std::string Columns(const std::string& table) {
    const auto rows = connection_->Query(
        "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM "
        "pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        {{Name(table)}});
    EXPECT_THAT(rows.status(), IsOk());
    return rows.ok() ? rows->Text(0, 0) : "";
  }
  std::string Name(const std::string& table) const { return Qualified(names_.schema_name, table); }

  const PostgresOwnTables names_{"crm", SchemaOf("crm")};
  OwnWrites writes_;
  std::optional<TableWork> work_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORE_POSTGRES_TABLES_BENCH_H_
