#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_SQLITE_GROUND_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_SQLITE_GROUND_H_

#include <sqlite3.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/cycles/ground.h"

namespace mirror::model {

/// The mirror file as its owner opens it.
class SqliteBeside final : public Beside {
 public:
  explicit SqliteBeside(std::string path) : path_(std::move(path)) {}
  ~SqliteBeside() override { SqliteBeside::Close(); }
  SqliteBeside(const SqliteBeside&) = delete;
  SqliteBeside& operator=(const SqliteBeside&) = delete;

  void Close() override {
    sqlite3_close(db_);
    db_ = nullptr;
  }

  Rows Query(const std::string& sql) override {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(Db(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      throw Failure(absl::StrCat("the owner's \"", Printable(sql), "\": ", sqlite3_errmsg(Db())));
    }
    Rows rows;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) rows.back().push_back(Value(statement, i));
    }
    const std::string message = sqlite3_errmsg(Db());
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) throw Failure(absl::StrCat("the owner's \"", Printable(sql), "\": ", message));
    return rows;
  }

  bool IsThere() const override { return std::filesystem::exists(path_); }
  std::size_t Tables() override {
    return Count(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_mirror\\_%' "
        "ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
  }
  Leftovers LeftBehind() override {
    const auto shadows =
        Count("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_mirror\\_shadow\\__%' ESCAPE '\\'");
    return {static_cast<std::int64_t>(shadows),
            static_cast<std::int64_t>(Count("SELECT count(*) FROM _mirror_parts"))};
  }
  bool Has(const std::string& object) override {
    return Count("SELECT count(*) FROM sqlite_schema WHERE name = '" + object + "'") == 1;
  }
  Rows RowsOf(const MirrorTable& table) override {
    std::string names;
    for (const Column& column : table.visible.columns) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", QuoteName(column.name));
    }
    return Query(absl::StrCat("SELECT ", names, " FROM ", QuoteName(table.name)));
  }

  /// Makes a copy of the whole file.
  void CopyTo(const std::string& path) {
    sqlite3* copy = nullptr;
    sqlite3_open(path.c_str(), &copy);
    sqlite3_backup* const backup = sqlite3_backup_init(copy, "main", Db(), "main");
    Require(backup != nullptr, "a copy of the mirror cannot be made");
    const int code = sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    sqlite3_close(copy);
    Require(code == SQLITE_DONE, absl::StrCat("a copy of the mirror: SQLite ", code));
  }

 private:
  std::size_t Count(const std::string& sql) {
    return static_cast<std::size_t>(std::stoull(Query(sql).at(0).at(0).substr(1)));
  }
  sqlite3* Db() {
    if (db_ == nullptr) {
      Require(sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK,
              absl::StrCat("the owner cannot open ", path_));
      sqlite3_busy_timeout(db_, 5'000);
    }
    return db_;
  }

  static std::string Value(sqlite3_stmt* statement, int i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_NULL:
        return "N";
      case SQLITE_INTEGER:
        return absl::StrCat("I", sqlite3_column_int64(statement, i));
      case SQLITE_FLOAT:
        return Stored(Column{.type = Type::kDouble},
                      {.kind = Kind::kReal, .real = sqlite3_column_double(statement, i)});
      default: {
        const bool text = sqlite3_column_type(statement, i) == SQLITE_TEXT;
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        return (text ? "T" : "B") + (bytes == nullptr ? std::string() : std::string(bytes, size));
      }
    }
  }

  std::string path_;
  sqlite3* db_ = nullptr;
};

/// A folder in memory where there is one: thousands of commits wait for the disk otherwise.
class Folder {
 public:
  Folder() {
    const std::filesystem::path base = access("/dev/shm", W_OK) == 0 ? std::filesystem::path("/dev/shm")
                                                                     : std::filesystem::temp_directory_path();
    std::string name = (base / "mirror-cycles-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw Failure("no folder can be made in " + base.string());
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Mirrors in files of one folder, which one server has for itself.
class SqliteGround final : public Ground {
 public:
  void Draw(Dice& dice) override {
    options_.apply = dice.OneIn(2) ? ApplyMethod::kSet : ApplyMethod::kBindLoop;
    options_.build_beside = !dice.OneIn(3);
  }
  absl::StatusOr<std::unique_ptr<StoreHome>> OpenHome() override {
    auto home = OpenSqliteHome(folder_.path(), options_);
    if (!home.ok()) return home.status();
    home_ = home->get();
    return home;
  }
  std::unique_ptr<Beside> BesideOf(const std::string& context_id) override {
    return std::make_unique<SqliteBeside>(home_->Location(context_id));
  }
  const std::string& folder() const override { return folder_.path(); }

 private:
  Folder folder_;
  SqliteOptions options_;
  StoreHome* home_ = nullptr;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_SQLITE_GROUND_H_
