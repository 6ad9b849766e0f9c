#include "client/state/receipt_book.h"

#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/file_layout.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr int kBusyMs = 5'000;
const KnownLayout kBookLayout = {"the receipt book", 2};
constexpr std::int64_t kUnnumbered = 1;
/// Receipts above kReceiptsInBookMax are removed in steps of so many.
constexpr std::int64_t kPruneEvery = 1'000;

constexpr char kTables[] =
    "CREATE TABLE IF NOT EXISTS receipts (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT "
    "NULL UNIQUE, receipt TEXT NOT NULL, sent BLOB, came_ms INTEGER NOT NULL, wrong INTEGER NOT NULL, "
    "after_gap INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS signatures (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB "
    "NOT NULL UNIQUE, token TEXT NOT NULL, came_ms INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS chain_end (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT "
    "NULL, hash BLOB NOT NULL, behind INTEGER NOT NULL)";

constexpr char kLookAtTheDisk[] = "Check whether the disk of [agent] 'state_dir' is full";

class Book final : public ReceiptBook {
 public:
  explicit Book(std::string path) : path_(std::move(path)) {}

  absl::Status Connect(bool write) {
    using Mode = sqlite::OpenAs::Mode;
    ASSIGN_OR_RETURN(database_, sqlite::Connection::Open(
                                    path_, {.mode = write ? Mode::kMake : Mode::kWrite, .busy_ms = kBusyMs},
                                    [this](const sqlite::Failure& failure, std::string_view) {
                                      return Explain(failure);
                                    }));
    // The file has names of tables and their numbers of changes.
    if (write) chmod(path_.c_str(), S_IRUSR | S_IWUSR);
    absl::Status ready = write ? Prepare() : IsOlder(database_->handle(), kBookLayout, path_).status();
    ready_ = ready.ok();
    return ready;
  }

  absl::StatusOr<End> ReadEnd() override {
    sqlite::Statement query = database_->Prepare("SELECT number, hash, behind FROM chain_end");
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return End{};
    return End{{static_cast<std::uint64_t>(query.Int(0)), query.Text(1)}, query.Int(2) != 0};
  }

  absl::Status Add(const std::vector<Entry>& entries, const std::optional<Signature>& signature,
                   const End& end) override {
    // The usual case after a cycle without changes, which should not wait for the disk.
    if (entries.empty()) {
      ASSIGN_OR_RETURN(const End present, ReadEnd());
      const absl::StatusOr<bool> signed_already =
          signature ? Finds("SELECT 1 FROM signatures WHERE hash = ?1", signature->hash) : true;
      if (!signed_already.ok()) return signed_already.status();
      if (present == end && *signed_already) return absl::OkStatus();
    }
    return database_->Transact(sqlite::Connection::Begin::kDeferred, [&] {
      for (const Entry& entry : entries) {
        RETURN_IF_ERROR(AddEntry(entry));
      }
      if (signature) RETURN_IF_ERROR(AddSignature(*signature));
      RETURN_IF_ERROR(SetEnd(end));
      return Prune();
    });
  }

  absl::Status ForEach(const std::function<absl::Status(const Entry&)>& take) override {
    sqlite::Statement query =
        database_->Prepare("SELECT receipt, sent, came_ms, wrong, after_gap FROM receipts ORDER BY id");
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      Entry entry;
      entry.text = query.Text(0);
      if (!query.IsNull(1)) entry.sent = query.Text(1);
      entry.came_ms = query.Int(2);
      entry.wrong = query.Int(3) != 0;
      entry.after_gap = query.Int(4) != 0;
      RETURN_IF_ERROR(take(entry));
    }
    return row.status();
  }

  absl::Status ForEachSignature(const std::function<void(const Signature&)>& take) override {
    sqlite::Statement query =
        database_->Prepare("SELECT token, number, hash, came_ms FROM signatures ORDER BY id");
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      take({query.Text(0), static_cast<std::uint64_t>(query.Int(1)), query.Text(2), query.Int(3)});
    }
    return row.status();
  }

  absl::StatusOr<bool> Has(const std::string& hash) override {
    return Finds("SELECT 1 FROM receipts WHERE hash = ?1", hash);
  }

  const std::string& path() const override { return path_; }

 private:
  absl::Status Explain(const sqlite::Failure& failure) const {
    if (!ready_) {
      return absl::UnavailableError(absl::StrCat("the receipts in '", path_,
                                                 "' cannot be opened: ", failure.words,
                                                 ". Move the file away; the next run makes a new one"));
    }
    return absl::UnavailableError(
        absl::StrCat("the receipts in '", path_, "': ", failure.words, ". ", kLookAtTheDisk));
  }

  absl::Status Prepare() {
    RETURN_IF_ERROR(database_->Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
    const absl::StatusOr<bool> older = IsOlder(database_->handle(), kBookLayout, path_);
    if (!older.ok()) return CannotBeKept(older.status());
    if (!*older) return absl::OkStatus();
    return database_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
      absl::Status taken = TakeOver(database_->handle(), kBookLayout, kUnnumbered, path_);
      return taken.ok() ? database_->Execute(kTables) : CannotBeKept(taken);
    });
  }

  absl::Status CannotBeKept(const absl::Status& why) const {
    if (!absl::IsUnavailable(why)) return why;
    return absl::UnavailableError(absl::StrCat("the receipts in '", path_,
                                               "' cannot be kept: ", why.message(),
                                               ". The rows are sent without receipts. ", kLookAtTheDisk));
  }

  absl::StatusOr<bool> Finds(const char* sql, const std::string& hash) {
    sqlite::Statement query = database_->Prepare(sql);
    return query.BindBlob(1, hash).Step();
  }

  absl::Status AddEntry(const Entry& entry) {
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    const std::string hash = HashOf(entry.text);
    sqlite::Statement insert = database_->Prepare(
        "INSERT INTO receipts (number, hash, receipt, sent, came_ms, wrong, after_gap) VALUES (?1, ?2, ?3, "
        "?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE SET sent = coalesce(sent, excluded.sent), wrong = "
        "max(wrong, excluded.wrong)");
    insert.Bind(1, receipt.ok() ? receipt->number : 0).BindBlob(2, hash).Bind(3, entry.text);
    if (entry.sent) insert.BindBlob(4, *entry.sent);
    return insert.Bind(5, entry.came_ms).Bind(6, entry.wrong).Bind(7, entry.after_gap).Run();
  }

  absl::Status SetEnd(const End& end) {
    return database_
        ->Prepare("INSERT OR REPLACE INTO chain_end (one, number, hash, behind) VALUES (1, ?1, ?2, ?3)")
        .Bind(1, end.last.number)
        .BindBlob(2, end.last.hash)
        .Bind(3, end.behind)
        .Run();
  }

  absl::Status AddSignature(const Signature& signature) {
    return database_
        ->Prepare("INSERT OR IGNORE INTO signatures (number, hash, token, came_ms) VALUES (?1, ?2, ?3, ?4)")
        .Bind(1, signature.number)
        .BindBlob(2, signature.hash)
        .Bind(3, signature.token)
        .Bind(4, signature.came_ms)
        .Run();
  }

  absl::Status Prune() {
    ASSIGN_OR_RETURN(const auto rows, database_->Number("SELECT max(id) - min(id) + 1 FROM receipts"));
    if (rows >= kReceiptsInBookMax + kPruneEvery) {
      RETURN_IF_ERROR(database_->Execute(absl::StrCat(
          "DELETE FROM receipts WHERE id <= (SELECT max(id) FROM receipts) - ", kReceiptsInBookMax,
          "; DELETE FROM signatures WHERE came_ms < (SELECT came_ms FROM receipts ORDER BY id LIMIT 1)")));
    }
    ASSIGN_OR_RETURN(const auto signatures, database_->Number("SELECT count(*) FROM signatures"));
    if (signatures < kSignaturesInBookMax + kPruneEvery) return absl::OkStatus();
    return database_->Execute(absl::StrCat(
        "DELETE FROM signatures WHERE id IN (SELECT id FROM (SELECT id, number, lead(number) OVER "
        "(ORDER BY id) AS next FROM signatures) WHERE next > number) AND id <= (SELECT max(id) - ",
        kSignaturesInBookMax, " FROM signatures)"));
  }

  const std::string path_;
  std::unique_ptr<sqlite::Connection> database_;
  bool ready_ = false;  ///< It was opened, with its tables.
};

absl::StatusOr<std::unique_ptr<ReceiptBook>> OpenBook(const std::string& path, bool write) {
  auto book = std::make_unique<Book>(path);
  RETURN_IF_ERROR(book->Connect(write));
  return book;
}

std::string BookPath(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".receipts.db");
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReceiptBook>> ReceiptBook::Open(const std::string& state_dir,
                                                               const std::string& context_id) {
  return OpenBook(BookPath(state_dir, context_id), true);
}

absl::StatusOr<std::unique_ptr<ReceiptBook>> ReceiptBook::OpenToRead(const std::string& state_dir,
                                                                     const std::string& context_id) {
  const std::string path = BookPath(state_dir, context_id);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("there are no receipts in '", path, "' yet"));
  }
  return OpenBook(path, false);
}

}  // namespace mirror
