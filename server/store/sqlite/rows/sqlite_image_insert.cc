#include "server/store/sqlite/rows/sqlite_image_insert.h"

#include <sqlite3.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/row_image.h"

namespace mirror {
namespace {

/// What a connection calls the database that an image is. It is none that a name could mean by itself: that
/// of a table is looked for in the mirror first, and ours are written with their database's.
constexpr char kDatabase[] = "_mirror_image";

bool IsAttached(sqlite3* connection) { return sqlite3_db_readonly(connection, kDatabase) >= 0; }

bool Attach(SqliteConnection& connection) {
  sqlite3* const handle = connection.handle();
  if (IsAttached(handle)) return true;
  // Else nothing can be attached to a mirror.
  const int before = sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1);
  const absl::Status attached = connection.Execute(absl::StrCat("ATTACH ':memory:' AS ", kDatabase));
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, before);
  return attached.ok();
}

/// The memory that SQLite reads images from, one after the other.
class Shown {
 public:
  explicit Shown(SqliteConnection& connection)
      : connection_(connection),
        memory_(static_cast<unsigned char*>(sqlite3_malloc64(RowImage::kBytesMax))) {}
  ~Shown() {
    // An empty one of SQLite's own: images are closed before their memory goes.
    sqlite3_deserialize(connection_.handle(), kDatabase, nullptr, 0, 0,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    sqlite3_free(memory_);
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

  /// Null: there is none.
  unsigned char* memory() const { return memory_; }
  /// The first `bytes` of it are an image now, in the place of the one before.
  absl::Status Show(std::size_t bytes) const {
    const auto size = static_cast<sqlite3_int64>(bytes);
    // Not read-only, or no transaction could begin that writes to the mirror.
    const int code = sqlite3_deserialize(connection_.handle(), kDatabase, memory_, size, size, 0);
    return code == SQLITE_OK ? absl::OkStatus() : connection_.database().Error(code, "an image of rows");
  }

 private:
  SqliteConnection& connection_;
  unsigned char* const memory_;
};

absl::Status Insert(SqliteConnection& connection, const std::string& sql, RowImage& image,
                    std::uint32_t rows) {
  const Shown shown(connection);
  if (shown.memory() == nullptr) return absl::ResourceExhaustedError("there is no memory for an image");
  for (std::uint32_t place = 0; place < rows;) {
    place = image.Write(place, {shown.memory(), RowImage::kBytesMax});
    if (absl::Status seen = shown.Show(image.size()); !seen.ok()) return seen;
    // Made anew for each image: it is another database each time.
    sqlite::Statement statement = connection.database().Prepare(sql);
    if (absl::Status done = statement.Run(); !done.ok()) return done;
  }
  return absl::OkStatus();
}

/// None was there before from the batch's first one on.
absl::Status TakeBack(SqliteConnection& connection, const std::string& target, const TableSchema& schema,
                      const ChangeBatch& batch) {
  const std::uint32_t key = schema.Key()[0];
  const std::uint32_t first = batch.key_order.empty() ? 0 : batch.key_order[0];
  absl::StatusOr<Query> rows = connection.Prepare(absl::StrCat(
      "DELETE FROM ", QuoteName(target), " WHERE ", QuoteName(schema.columns[key].name), " >= ?1"));
  if (!rows.ok()) return rows.status();
  return rows->Bind(1, batch.Find(key)->ints[first]).Run();
}

}  // namespace

absl::StatusOr<bool> InsertAsImages(SqliteConnection& connection, const std::string& target,
                                    const TableSchema& schema, const ChangeBatch& batch,
                                    const std::vector<std::uint32_t>& order) {
  if (!Attach(connection)) return false;
  RowImage image(schema, batch, order);
  // Without a word of columns and conflicts, which would keep SQLite from copying records.
  const std::string sql = absl::StrCat("INSERT INTO main.", QuoteName(target), " SELECT * FROM ", kDatabase,
                                       ".", RowImage::kTable);
  absl::Status inserted = Insert(connection, sql, image, batch.row_count);
  if (inserted.ok()) return true;
  if (!connection.database().InTransaction()) return inserted;
  if (absl::Status taken = TakeBack(connection, target, schema, batch); !taken.ok()) return taken;
  return false;
}

void ForgetImages(SqliteConnection& connection) {
  if (IsAttached(connection.handle())) connection.Execute(absl::StrCat("DETACH ", kDatabase)).IgnoreError();
}

}  // namespace mirror
