#include "client/source/rows/sorted_digests.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsAtATime = 20'000;

std::string Places(std::size_t count) { return absl::StrJoin(std::vector<std::string>(count, "?"), ", "); }

class SortedRows : public DigestReader {
 public:
  SortedRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts)
      : scan_(std::move(scan)), key_parts_(key_parts), names_(absl::StrJoin(LogKeyNames(key_parts), ", ")) {}

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    if (absl::Status sorted = Sort(); !sorted.ok()) return sorted;
    const std::string behind =
        behind_.empty() ? "" : absl::StrCat(" WHERE (", names_, ") > (", Places(key_parts_), ")");
    const absl::StatusOr<Statement> select = Prepare(absl::StrCat(
        "SELECT ", names_, ", digest FROM digests", behind, " ORDER BY ", names_, " LIMIT ", rows));
    if (!select.ok()) return select.status();
    Bind(*select, behind_);
    DigestPiece piece;
    const int parts = static_cast<int>(key_parts_);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(select->get())) == SQLITE_ROW) {
      Key key;
      for (int i = 0; i < parts; ++i) {
        KeyValue value;
        value.Keep(sqlite3_column_value(select->get(), i));
        key.push_back(ToKeyPart(value));
      }
      const auto digest = static_cast<std::uint64_t>(sqlite3_column_int64(select->get(), parts));
      if (piece.digest.rows == 0) piece.first = key;
      piece.digest.Add(digest);
      if (each) piece.rows.emplace_back(key, digest);
      behind_ = std::move(key);
    }
    if (code != SQLITE_DONE) return Failed();
    if (piece.digest.rows > 0) piece.last = behind_;
    piece.end = piece.digest.rows < rows;
    if (piece.end) {
      piece.untold = untold_;
      piece.partial = partial_;
    }
    return piece;
  }

  absl::Status Seek(const Key& key) override {
    behind_ = key;
    return absl::OkStatus();
  }

 private:
  absl::Status Failed() const {
    return absl::UnavailableError(absl::StrCat("putting the rows in order in a temporary file: ",
                                               sqlite3_errmsg(database_->getHandle())));
  }
  absl::StatusOr<Statement> Prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(database_->getHandle(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, nullptr);
    return code == SQLITE_OK ? absl::StatusOr<Statement>(Statement(statement)) : Failed();
  }
  static void Bind(const Statement& statement, const Key& key) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      FromKeyPart(key[i]).Bind(statement.get(), static_cast<int>(i + 1));
    }
  }

  absl::Status Sort() {
    if (scan_ == nullptr) return absl::OkStatus();
    try {
      database_ = std::make_unique<SQLite::Database>(
          "", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
      database_->exec("PRAGMA journal_mode = OFF");
      database_->exec(absl::StrCat("CREATE TABLE digests (", names_, ", digest, PRIMARY KEY (", names_,
                                   ")) WITHOUT ROWID"));
      database_->exec("BEGIN");
    } catch (const SQLite::Exception& wrong) {
      return absl::UnavailableError(absl::StrCat("a temporary file cannot be made: ", wrong.what()));
    }
    const absl::StatusOr<Statement> insert =
        Prepare(absl::StrCat("INSERT OR IGNORE INTO digests VALUES (", Places(key_parts_ + 1), ")"));
    if (!insert.ok()) return insert.status();
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = scan_->Next(kRowsAtATime, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      untold_.insert(untold_.end(), piece->untold.begin(), piece->untold.end());
      partial_ = partial_ || piece->partial;
      for (const auto& [key, digest] : piece->rows) {
        Bind(*insert, key);
        sqlite3_bind_int64(insert->get(), static_cast<int>(key_parts_ + 1),
                           static_cast<std::int64_t>(digest));
        const int code = sqlite3_step(insert->get());
        insert->Reset();
        if (code != SQLITE_DONE) return Failed();
      }
    }
    scan_.reset();
    return absl::OkStatus();
  }

  std::unique_ptr<DigestReader> scan_;  ///< Null: it was read to its end.
  const std::size_t key_parts_;
  const std::string names_;
  std::unique_ptr<SQLite::Database> database_;
  Key behind_;
  std::vector<Key> untold_;  ///< See DigestPiece.
  bool partial_ = false;
};

}  // namespace

std::unique_ptr<DigestReader> SortRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts) {
  return std::make_unique<SortedRows>(std::move(scan), key_parts);
}

}  // namespace mirror
