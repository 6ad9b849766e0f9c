#ifndef MIRROR_TESTS_CLIENT_SOURCE_CONTRACT_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_CONTRACT_SOURCE_H_

#include <gtest/gtest.h>
#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_digest.h"
#include "tests/client/source/source_database.h"
#include "tests/support/postgres_server.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// One of the tables that each source of the contract has.
struct Shape {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::uint32_t> key;
  std::string create;  ///< Behind CREATE TABLE <name>.
  std::uint32_t at;    ///< The column that grows with each change, unix seconds.
};

inline const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> kShapes = {
      {"orders", {"id", "at", "v"}, {0}, "(id INTEGER PRIMARY KEY, at INTEGER, v TEXT)", 1},
      {"pairs",
       {"a", "at", "v", "b"},
       {0, 3},
       "(a TEXT NOT NULL, at INTEGER, v TEXT, b INTEGER NOT NULL, PRIMARY KEY(a, b)) WITHOUT ROWID",
       1}};
  return kShapes;
}

using ShownRow = std::vector<std::string>;
/// A table's rows by key, all as ShowCell has them.
using Contents = std::map<ShownRow, ShownRow>;

inline std::string ShowCell(const Cell& cell) {
  if (cell.kind == Kind::kNull) return "null";
  return cell.kind == Kind::kInteger ? absl::StrCat("i:", cell.integer) : "t:" + cell.bytes;
}
inline ShownRow ShowRow(const Row& row) {
  ShownRow shown;
  for (const Cell& cell : row) shown.push_back(ShowCell(cell));
  return shown;
}
inline Key KeyOf(const Shape& shape, const Row& row) {
  Key key;
  for (const std::uint32_t column : shape.key) {
    const Cell& cell = row[column];
    key.push_back({.kind = cell.kind, .integer = cell.integer, .bytes = cell.bytes});
  }
  return key;
}
inline ShownRow ShowKey(const Key& key) {
  ShownRow shown;
  for (const KeyPart& part : key) {
    shown.push_back(part.kind == Kind::kInteger ? absl::StrCat("i:", part.integer) : "t:" + part.bytes);
  }
  return shown;
}
inline std::uint64_t DigestOf(const Row& row, const std::vector<std::uint32_t>& columns) {
  RowDigest digest;
  for (const std::uint32_t column : columns) {
    const Cell& cell = row[column];
    if (cell.kind == Kind::kNull) digest.AddNull();
    if (cell.kind == Kind::kInteger) digest.AddInteger(cell.integer);
    if (cell.kind == Kind::kText) digest.AddText(cell.bytes);
  }
  return digest.Finish();
}

/// A reader under contract: what a source is and how its changes are found.
struct ReaderKind {
  std::string name;
  std::string kind;      ///< As SourceConfig.
  std::string strategy;  ///< As SourceConfig.
  std::string journal = "WAL";
  bool view = false;
  bool by_column = false;
  std::string database = "";  ///< Of an ODBC source what it is.

  bool Logs() const { return strategy == "cdc"; }
  /// What changed is known row by row.
  bool NamesRows() const { return strategy != "populate"; }
  bool SeesDeletes() const { return strategy != "watermark" && strategy != "window"; }
};
inline void PrintTo(const ReaderKind& kind, std::ostream* out) { *out << kind.name; }
inline std::string NameOfReader(const testing::TestParamInfo<ReaderKind>& info) { return info.param.name; }

inline std::vector<ReaderKind> EveryReader() {
  std::vector<ReaderKind> kinds = {{"CdcWal", "sqlite", "cdc"},
                                   {"CdcJournal", "sqlite", "cdc", "DELETE"},
                                   {"PopulateWal", "sqlite", "populate"},
                                   {"PopulateJournal", "sqlite", "populate", "DELETE"},
                                   {"SyntheticWal", "sqlite", "synthetic"},
                                   {"SyntheticJournal", "sqlite", "synthetic", "DELETE"},
                                   {"SyntheticByColumn", "sqlite", "synthetic", "WAL", false, true},
                                   {"Watermark", "sqlite", "watermark"},
                                   {"WatermarkCdc", "sqlite", "watermark_cdc"},
                                   {"Window", "sqlite", "window"},
                                   {"View", "sqlite", "synthetic", "WAL", true}};
  for (const auto& [name, strategy] : std::map<std::string, std::string>{{"Populate", "populate"},
                                                                         {"Synthetic", "synthetic"},
                                                                         {"Watermark", "watermark"},
                                                                         {"WatermarkCdc", "watermark_cdc"},
                                                                         {"Window", "window"}}) {
    kinds.push_back({"Postgres" + name, "postgres", strategy});
    kinds.push_back({"Mariadb" + name, "mariadb", strategy});
  }
  kinds.push_back({"PostgresByColumn", "postgres", "synthetic", "", false, true});
  kinds.push_back({"MariadbByColumn", "mariadb", "synthetic", "", false, true});
  for (const auto& [name, database] : std::map<std::string, std::string>{
           {"OdbcSqlite", "sqlite"}, {"OdbcPostgres", "postgres"}, {"OdbcMariadb", "mariadb"}}) {
    kinds.push_back({name + "Populate", "odbc", "populate", "WAL", false, false, database});
    kinds.push_back({name + "Synthetic", "odbc", "synthetic", "WAL", false, false, database});
    kinds.push_back({name + "Watermark", "odbc", "watermark", "WAL", false, false, database});
  }
  kinds.push_back({"OdbcSqliteJournal", "odbc", "synthetic", "DELETE", false, false, "sqlite"});
  kinds.push_back({"OdbcPostgresWatermarkCdc", "odbc", "watermark_cdc", "", false, false, "postgres"});
  kinds.push_back({"OdbcMariadbWindow", "odbc", "window", "", false, false, "mariadb"});
  kinds.push_back({"OdbcPostgresByColumn", "odbc", "synthetic", "", false, true, "postgres"});
  for (const char* const kind : {"csv", "xlsx"}) {
    const std::string name = kind == std::string("csv") ? "Csv" : "Xlsx";
    kinds.push_back({name, kind, "synthetic"});
    kinds.push_back({name + "ByColumn", kind, "synthetic", "", false, true});
    kinds.push_back({name + "Watermark", kind, "watermark"});
    kinds.push_back({name + "WatermarkCdc", kind, "watermark_cdc"});
    kinds.push_back({name + "Window", kind, "window"});
  }
  return kinds;
}

/// The source itself: what stands in it is always what Write() was given last.
class Writer {
 public:
  /// By key, for each of Shapes().
  using State = std::map<std::string, std::map<ShownRow, Row>>;
  virtual ~Writer() = default;
  virtual void Write(const State& state) = 0;
  /// Every table has one more column, behind the others.
  virtual void AddColumn() = 0;
};

/// Statement by statement what differs, as an application does it.
class SqlWriter : public Writer {
 public:
  explicit SqlWriter(bool view) : view_(view) {}
  void Write(const State& state) override {
    std::string sql = "BEGIN;";
    for (const Shape& shape : Shapes()) {
      const auto &before = state_[shape.name], &now = state.at(shape.name);
      for (const auto& [key, row] : before) {
        if (!now.contains(key)) absl::StrAppend(&sql, "DELETE FROM ", Base(shape), Where(shape, row), ";");
      }
      for (const auto& [key, row] : now) {
        const auto old = before.find(key);
        if (old != before.end() && old->second == row) continue;
        std::vector<std::string> parts;
        for (std::size_t i = 0; i < row.size(); ++i) {
          parts.push_back(old == before.end() ? Literal(row[i]) : shape.columns[i] + "=" + Literal(row[i]));
        }
        const std::string values = absl::StrJoin(parts, ",");
        old == before.end()
            ? absl::StrAppend(&sql, "INSERT INTO ", Base(shape), "(", absl::StrJoin(shape.columns, ","),
                              ") VALUES(", values, ");")
            : absl::StrAppend(&sql, "UPDATE ", Base(shape), " SET ", values, Where(shape, row), ";");
      }
    }
    Run(sql + "COMMIT");
    state_ = state;
  }
  void AddColumn() override {
    for (const Shape& shape : Shapes()) {
      Run("ALTER TABLE " + Base(shape) + " ADD COLUMN more TEXT DEFAULT 'm'");
      if (view_) Run("DROP VIEW " + shape.name);
    }
    MakeViews(", more");
  }

 protected:
  virtual void Run(const std::string& sql) = 0;
  std::string Base(const Shape& shape) const { return view_ ? "base_" + shape.name : shape.name; }
  void MakeViews(const std::string& more) {
    for (const Shape& shape : Shapes()) {
      if (!view_) return;
      Run("CREATE VIEW " + shape.name + " AS SELECT " + absl::StrJoin(shape.columns, ",") + more + " FROM " +
          Base(shape));
    }
  }

 private:
  static std::string Literal(const Cell& cell) {
    if (cell.kind == Kind::kNull) return "NULL";
    if (cell.kind == Kind::kInteger) return absl::StrCat(cell.integer);
    return "'" + cell.bytes + "'";  // The contract's texts have no quote of SQL.
  }
  static std::string Where(const Shape& shape, const Row& row) {
    std::vector<std::string> parts;
    for (const std::uint32_t c : shape.key) parts.push_back(shape.columns[c] + "=" + Literal(row[c]));
    return " WHERE " + absl::StrJoin(parts, " AND ");
  }

  const bool view_;
  State state_;
};

class SqliteWriter final : public SqlWriter {
 public:
  SqliteWriter(const std::string& path, const ReaderKind& kind) : SqlWriter(kind.view), app_(path) {
    Run("PRAGMA journal_mode = " + kind.journal);
    for (const Shape& shape : Shapes()) Run("CREATE TABLE " + Base(shape) + shape.create);
    MakeViews("");
  }

 private:
  void Run(const std::string& sql) override { app_.Run(sql); }

  Application app_;
};

class PostgresWriter final : public SqlWriter {
 public:
  explicit PostgresWriter(const std::string& conninfo) : SqlWriter(/*view=*/false) {
    auto opened = postgres::Connection::Open({.conninfo = conninfo, .application_name = "mirror-test"});
    EXPECT_THAT(opened, IsOk());
    if (opened.ok()) connection_ = *std::move(opened);
    Run("SET search_path TO public, pg_catalog");
    for (const Shape& shape : Shapes())
      Run("CREATE TABLE " + shape.name + absl::StrReplaceAll(shape.create, {{" WITHOUT ROWID", ""}}));
  }

 private:
  void Run(const std::string& sql) override {
    ASSERT_NE(connection_, nullptr);
    ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql;
  }

  std::unique_ptr<postgres::Connection> connection_;
};

class MariadbWriter final : public SqlWriter {
 public:
  explicit MariadbWriter(const std::string& dsn) : SqlWriter(/*view=*/false) {
    auto opened = mariadb::Connection::Open({.dsn = dsn});
    EXPECT_THAT(opened, IsOk());
    if (opened.ok()) connection_ = *std::move(opened);
    for (const Shape& shape : Shapes()) {
      // A text needs a length to be a key.
      Run("CREATE TABLE " + shape.name +
          absl::StrReplaceAll(shape.create, {{" WITHOUT ROWID", ""}, {"a TEXT", "a VARCHAR(9)"}}));
    }
  }

 private:
  /// One statement after the other; no value holds a semicolon.
  void Run(const std::string& sql) override {
    ASSERT_NE(connection_, nullptr);
    for (const std::string& one : std::vector<std::string>(absl::StrSplit(sql, ';', absl::SkipEmpty())))
      ASSERT_THAT(connection_->Execute(one), IsOk()) << one;
  }

  std::unique_ptr<mariadb::Connection> connection_;
};

/// Each state is put in the place of the former one as a whole, its rows in no order that means anything.
class FileWriter : public Writer {
 public:
  FileWriter(std::string folder, std::string end) : folder_(std::move(folder)), end_(std::move(end)) {
    std::filesystem::create_directories(folder_);
  }
  void Write(const State& state) override {
    state_ = state;
    for (const Shape& shape : Shapes()) {
      std::vector<Row> rows;
      for (const auto& [key, row] : state_[shape.name]) rows.push_back(row);
      if (written_ % 2 == 1) std::reverse(rows.begin(), rows.end());
      std::vector<std::string> header = shape.columns;
      if (more_) header.push_back("more");
      if (more_) std::for_each(rows.begin(), rows.end(), [](Row& row) { row.emplace_back("m"); });
      const std::string path = folder_ + "/" + shape.name + end_;
      Save(header, rows, path + ".new");
      std::filesystem::rename(path + ".new", path);
    }
    ++written_;
  }
  void AddColumn() override {
    more_ = true;
    Write(State(state_));
  }

 private:
  virtual void Save(const std::vector<std::string>& header, const std::vector<Row>& rows,
                    const std::string& path) = 0;

  const std::string folder_, end_;
  State state_;
  bool more_ = false;
  int written_ = 0;
};

class CsvWriter final : public FileWriter {
 public:
  explicit CsvWriter(const std::string& folder) : FileWriter(folder, ".csv") {}

 private:
  void Save(const std::vector<std::string>& header, const std::vector<Row>& rows,
            const std::string& path) override {
    std::ofstream file(path);
    file << absl::StrJoin(header, ",") << "\n";
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        file << (i == 0 ? "" : ",");
        if (row[i].kind == Kind::kInteger) file << row[i].integer;
        if (row[i].kind == Kind::kText) file << '"' << row[i].bytes << '"';
      }
      file << "\n";
    }
  }
};

class XlsxWriter final : public FileWriter {
 public:
  explicit XlsxWriter(const std::string& folder) : FileWriter(folder, ".xlsx") {}

 private:
  void Save(const std::vector<std::string>& header, const std::vector<Row>& rows,
            const std::string& path) override {
    Row names(header.begin(), header.end());
    std::string sheet = "<worksheet><sheetData>" + Element(names);
    for (const Row& row : rows) sheet += Element(row);
    sheet += "</sheetData></worksheet>";
    const std::vector<std::pair<std::string, std::string>> parts = {
        {"xl/workbook.xml",
         "<workbook xmlns:r=\"r\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"},
        {"xl/_rels/workbook.xml.rels",
         "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/s.xml\"/></Relationships>"},
        {"xl/worksheets/s.xml", sheet}};
    zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    ASSERT_NE(archive, nullptr);
    for (const auto& [name, text] : parts) {
      zip_source_t* const source = zip_source_buffer(archive, text.data(), text.size(), 0);
      ASSERT_GE(zip_file_add(archive, name.c_str(), source, 0), 0);
    }
    ASSERT_EQ(zip_close(archive), 0);
  }
  static std::string Element(const Row& row) {
    std::string text = "<row>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      // Cells without a reference follow each other.
      if (row[i].kind == Kind::kNull) text += "<c/>";
      if (row[i].kind == Kind::kInteger) absl::StrAppend(&text, "<c><v>", row[i].integer, "</v></c>");
      if (row[i].kind == Kind::kText) {
        absl::StrAppend(&text, "<c t=\"inlineStr\"><is><t>", row[i].bytes, "</t></is></c>");
      }
    }
    return text + "</row>";
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_CONTRACT_SOURCE_H_
