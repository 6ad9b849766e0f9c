#include "client/source/sqlite/log/sorted_digests.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsAtATime = 20'000;

class SortedRows : public DigestReader {
 public:
  SortedRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts)
      : scan_(std::move(scan)), key_parts_(key_parts), names_(KeyNames(key_parts)) {}

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    RETURN_IF_ERROR(Sort());
    const std::string behind =
        behind_.empty() ? "" : absl::StrCat(" WHERE (", names_, ") > (", Places(key_parts_), ")");
    sqlite::Statement select = database_->Prepare(absl::StrCat(
        "SELECT ", names_, ", digest FROM digests", behind, " ORDER BY ", names_, " LIMIT ", rows));
    BindKey(select, 1, behind_);
    DigestPiece piece;
    RETURN_IF_ERROR(ForEachRow(select, [&] {
      Key key = ReadKey(select, key_parts_);
      const auto digest = static_cast<std::uint64_t>(select.Int(static_cast<int>(key_parts_)));
      if (piece.digest.rows == 0) piece.first = key;
      piece.digest.Add(digest);
      if (each) piece.rows.emplace_back(key, digest);
      behind_ = std::move(key);
    }));
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
  absl::Status Explain(const sqlite::Failure& failure) const {
    return absl::UnavailableError(absl::StrCat(
        made_ ? "the rows cannot be sorted in a temporary file: " : "a temporary file cannot be made: ",
        failure.words));
  }
  absl::Status Make() {
    ASSIGN_OR_RETURN(database_,
                     sqlite::Connection::Open("", {.mode = sqlite::OpenAs::Mode::kMake, .one_thread = true},
                                              [this](const sqlite::Failure& failure, std::string_view) {
                                                return Explain(failure);
                                              }));
    absl::Status made =
        database_->Execute(absl::StrCat("PRAGMA journal_mode = OFF; CREATE TABLE digests (", names_,
                                        ", digest, PRIMARY KEY (", names_, ")) WITHOUT ROWID; BEGIN"));
    made_ = made.ok();
    return made;
  }

  absl::Status Sort() {
    if (scan_ == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(Make());
    sqlite::Statement insert = database_->Prepare(
        absl::StrCat("INSERT OR IGNORE INTO digests VALUES (", Places(key_parts_ + 1), ")"));
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = scan_->Next(kRowsAtATime, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      untold_.insert(untold_.end(), piece->untold.begin(), piece->untold.end());
      partial_ = partial_ || piece->partial;
      for (const auto& [key, digest] : piece->rows) {
        BindKey(insert, 1, key);
        insert.Bind(static_cast<int>(key_parts_ + 1), digest);
        RETURN_IF_ERROR(insert.Run());
      }
    }
    scan_.reset();
    return absl::OkStatus();
  }

  std::unique_ptr<DigestReader> scan_;  ///< Null: it was read to its end.
  const std::size_t key_parts_;
  const std::string names_;
  std::unique_ptr<sqlite::Connection> database_;
  bool made_ = false;  ///< The sorting table exists.
  Key behind_;
  std::vector<Key> untold_;  ///< See DigestPiece.
  bool partial_ = false;
};

}  // namespace

std::unique_ptr<DigestReader> SortRows(std::unique_ptr<DigestReader> scan, std::size_t key_parts) {
  if (key_parts == 0) return scan;
  return std::make_unique<SortedRows>(std::move(scan), key_parts);
}

}  // namespace mirror
