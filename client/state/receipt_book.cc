#include "client/state/receipt_book.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"

namespace mirror {
namespace {

constexpr int kBusyMs = 5'000;
const KnownLayout kLayout = {"the receipt book", 2};
constexpr std::int64_t kUnnumbered = 1;
/// What is over kReceiptsInBookMax is removed once it is so much.
constexpr std::int64_t kPruneEvery = 1'000;

constexpr char kLookAtTheDisk[] = "Look whether the disk of [agent] 'state_dir' is full";

class Book final : public ReceiptBook {
 public:
  Book(std::string path, int flags) : path_(std::move(path)), database_(path_, flags, kBusyMs) {}

  absl::Status Prepare() {
    database_.exec("PRAGMA journal_mode = WAL");
    database_.exec("PRAGMA synchronous = FULL");
    const absl::StatusOr<bool> older = IsOlder(database_.getHandle(), kLayout, path_);
    if (!older.ok() || !*older) return older.status();
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    absl::Status taken = TakeOver(database_.getHandle(), kLayout, kUnnumbered, path_);
    if (!taken.ok()) return taken;
    MakeTables();
    transaction.commit();
    return absl::OkStatus();
  }

  /// For who only reads.
  absl::Status CheckReadable() { return IsOlder(database_.getHandle(), kLayout, path_).status(); }

  void MakeTables() {
    database_.exec(
        "CREATE TABLE IF NOT EXISTS receipts (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT "
        "NULL UNIQUE, receipt TEXT NOT NULL, sent BLOB, came_ms INTEGER NOT NULL, wrong INTEGER NOT NULL, "
        "after_gap INTEGER NOT NULL)");
    database_.exec(
        "CREATE TABLE IF NOT EXISTS signatures (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB "
        "NOT NULL UNIQUE, token TEXT NOT NULL, came_ms INTEGER NOT NULL)");
    database_.exec(
        "CREATE TABLE IF NOT EXISTS chain_end (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT "
        "NULL, hash BLOB NOT NULL, behind INTEGER NOT NULL)");
  }

  absl::StatusOr<End> ReadEnd() override {
    return Guarded<End>([&]() -> absl::StatusOr<End> { return PresentEnd(); });
  }

  absl::Status Add(const std::vector<Entry>& entries, const std::optional<Signature>& signature,
                   const End& end) override {
    return Guarded<bool>([&]() -> absl::StatusOr<bool> {
             // As after each cycle without changes, which shall not wait for the disk.
             if (entries.empty() && PresentEnd() == end && (!signature || HasSignature(signature->hash))) {
               return true;
             }
             SQLite::Transaction transaction(database_);
             for (const Entry& entry : entries) AddEntry(entry);
             if (signature) AddSignature(*signature);
             SetEnd(end);
             Prune();
             transaction.commit();
             return true;
           })
        .status();
  }

  absl::Status ForEach(const std::function<absl::Status(const Entry&)>& take) override {
    return Guarded<bool>([&]() -> absl::StatusOr<bool> {
             SQLite::Statement query(
                 database_, "SELECT receipt, sent, came_ms, wrong, after_gap FROM receipts ORDER BY id");
             while (query.executeStep()) {
               Entry entry;
               entry.text = query.getColumn(0).getString();
               if (!query.isColumnNull(1)) entry.sent = Bytes(query, 1);
               entry.came_ms = query.getColumn(2).getInt64();
               entry.wrong = query.getColumn(3).getInt() != 0;
               entry.after_gap = query.getColumn(4).getInt() != 0;
               if (absl::Status taken = take(entry); !taken.ok()) return taken;
             }
             return true;
           })
        .status();
  }

  absl::Status ForEachSignature(const std::function<void(const Signature&)>& take) override {
    return Guarded<bool>([&]() -> absl::StatusOr<bool> {
             SQLite::Statement query(database_,
                                     "SELECT token, number, hash, came_ms FROM signatures ORDER BY id");
             while (query.executeStep()) {
               take({query.getColumn(0).getString(),
                     static_cast<std::uint64_t>(query.getColumn(1).getInt64()), Bytes(query, 2),
                     query.getColumn(3).getInt64()});
             }
             return true;
           })
        .status();
  }

  absl::StatusOr<bool> Has(const std::string& hash) override {
    return Guarded<bool>(
        [&]() -> absl::StatusOr<bool> { return Finds("SELECT 1 FROM receipts WHERE hash = ?1", hash); });
  }

  const std::string& path() const override { return path_; }

 private:
  template <typename T>
  absl::StatusOr<T> Guarded(const std::function<absl::StatusOr<T>()>& work) {
    try {
      return work();
    } catch (const SQLite::Exception& error) {
      return absl::UnavailableError(
          absl::StrCat("the receipts in '", path_, "': ", error.what(), ". ", kLookAtTheDisk));
    }
  }

  static std::string Bytes(SQLite::Statement& query, int column) {
    const SQLite::Column value = query.getColumn(column);
    return {static_cast<const char*>(value.getBlob()), static_cast<std::size_t>(value.getBytes())};
  }

  bool Finds(const char* sql, const std::string& hash) {
    SQLite::Statement query(database_, sql);
    query.bind(1, hash.data(), static_cast<int>(hash.size()));
    return query.executeStep();
  }
  bool HasSignature(const std::string& hash) {
    return Finds("SELECT 1 FROM signatures WHERE hash = ?1", hash);
  }

  End PresentEnd() {
    SQLite::Statement query(database_, "SELECT number, hash, behind FROM chain_end");
    if (!query.executeStep()) return End{};
    return End{{static_cast<std::uint64_t>(query.getColumn(0).getInt64()), Bytes(query, 1)},
               query.getColumn(2).getInt() != 0};
  }

  void AddEntry(const Entry& entry) {
    const absl::StatusOr<Receipt> receipt = ParseReceipt(entry.text);
    SQLite::Statement insert(
        database_,
        "INSERT INTO receipts (number, hash, receipt, sent, came_ms, wrong, after_gap) VALUES (?1, ?2, ?3, "
        "?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE SET sent = coalesce(sent, excluded.sent), wrong = "
        "max(wrong, excluded.wrong)");
    const std::string hash = HashOf(entry.text);
    insert.bind(1, receipt.ok() ? static_cast<std::int64_t>(receipt->number) : std::int64_t{0});
    insert.bind(2, hash.data(), static_cast<int>(hash.size()));
    insert.bind(3, entry.text);
    if (entry.sent) insert.bind(4, entry.sent->data(), static_cast<int>(entry.sent->size()));
    insert.bind(5, entry.came_ms);
    insert.bind(6, entry.wrong ? 1 : 0);
    insert.bind(7, entry.after_gap ? 1 : 0);
    insert.exec();
  }

  void SetEnd(const End& end) {
    SQLite::Statement insert(
        database_, "INSERT OR REPLACE INTO chain_end (one, number, hash, behind) VALUES (1, ?1, ?2, ?3)");
    insert.bind(1, static_cast<std::int64_t>(end.last.number));
    insert.bind(2, end.last.hash.data(), static_cast<int>(end.last.hash.size()));
    insert.bind(3, end.behind ? 1 : 0);
    insert.exec();
  }

  void AddSignature(const Signature& signature) {
    SQLite::Statement insert(
        database_, "INSERT OR IGNORE INTO signatures (number, hash, token, came_ms) VALUES (?1, ?2, ?3, ?4)");
    insert.bind(1, static_cast<std::int64_t>(signature.number));
    insert.bind(2, signature.hash.data(), static_cast<int>(signature.hash.size()));
    insert.bind(3, signature.token);
    insert.bind(4, signature.came_ms);
    insert.exec();
  }

  void Prune() {
    SQLite::Statement count(database_, "SELECT max(id) - min(id) + 1 FROM receipts");
    count.executeStep();
    if (count.getColumn(0).getInt64() >= kReceiptsInBookMax + kPruneEvery) {
      database_.exec(absl::StrCat("DELETE FROM receipts WHERE id <= (SELECT max(id) FROM receipts) - ",
                                  kReceiptsInBookMax));
      database_.exec(
          "DELETE FROM signatures WHERE came_ms < (SELECT came_ms FROM receipts ORDER BY id LIMIT 1)");
    }
    SQLite::Statement signatures(database_, "SELECT count(*) FROM signatures");
    signatures.executeStep();
    if (signatures.getColumn(0).getInt64() < kSignaturesInBookMax + kPruneEvery) return;
    database_.exec(absl::StrCat(
        "DELETE FROM signatures WHERE id IN (SELECT id FROM (SELECT id, number, lead(number) OVER "
        "(ORDER BY id) AS next FROM signatures) WHERE next > number) AND id <= (SELECT max(id) - ",
        kSignaturesInBookMax, " FROM signatures)"));
  }

  const std::string path_;
  SQLite::Database database_;
};

absl::StatusOr<std::unique_ptr<ReceiptBook>> OpenBook(const std::string& path, bool write) {
  try {
    auto book = std::make_unique<Book>(
        path, write ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE : SQLite::OPEN_READWRITE);
    if (write) {
      // It names tables and how much of them changed.
      chmod(path.c_str(), S_IRUSR | S_IWUSR);
    }
    absl::Status ready = write ? book->Prepare() : book->CheckReadable();
    if (write && absl::IsUnavailable(ready)) {
      return absl::UnavailableError(absl::StrCat("the receipts in '", path,
                                                 "' cannot be kept: ", ready.message(),
                                                 ". What is sent stands without them. ", kLookAtTheDisk));
    }
    if (!ready.ok()) return ready;
    return book;
  } catch (const SQLite::Exception& error) {
    return absl::UnavailableError(absl::StrCat("the receipts in '", path, "' cannot be opened: ",
                                               error.what(), ". Move the file away, and a new one is made"));
  }
}

std::string PathOf(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".receipts.db");
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReceiptBook>> ReceiptBook::Open(const std::string& state_dir,
                                                               const std::string& context_id) {
  return OpenBook(PathOf(state_dir, context_id), true);
}

absl::StatusOr<std::unique_ptr<ReceiptBook>> ReceiptBook::OpenToRead(const std::string& state_dir,
                                                                     const std::string& context_id) {
  const std::string path = PathOf(state_dir, context_id);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("there are no receipts in '", path, "' yet"));
  }
  return OpenBook(path, false);
}

}  // namespace mirror
