#include "server/store/sqlite/rows/sqlite_image_insert.h"

#include <sqlite3.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/row_image.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"

namespace mirror {
namespace {

/// The schema name under which a connection attaches an image. No table name refers to it by accident,
/// because SQLite searches the mirror first, and our statements name the schema.
constexpr char kDatabase[] = "_mirror_image";

bool IsAttached(sqlite3* connection) { return sqlite3_db_readonly(connection, kDatabase) >= 0; }

bool Attach(SqliteConnection& connection) {
  sqlite3* const handle = connection.handle();
  if (IsAttached(handle)) return true;
  // Images have texts in UTF-8, and SQLite cannot combine databases with different encodings.
  absl::StatusOr<Query> encoding = connection.Prepare("PRAGMA main.encoding");
  if (!encoding.ok() || !encoding->Step().value_or(false) || encoding->Text(0) != "UTF-8") return false;
  // Raises the limit for a moment. Otherwise nothing can be attached to a mirror.
  const int before = sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1);
  const absl::Status attached = connection.Execute(absl::StrCat("ATTACH ':memory:' AS ", kDatabase));
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, before);
  return attached.ok();
}

/// Replaces the former image by `memory`, which SQLite allocated and will free in any case. The image is not
/// read-only, because then no transaction that writes to the mirror could begin.
int Show(SqliteConnection& connection, unsigned char* memory, std::size_t bytes, unsigned flags = 0) {
  const auto size = static_cast<sqlite3_int64>(bytes);
  return sqlite3_deserialize(connection.handle(), kDatabase, memory, size, size,
                             SQLITE_DESERIALIZE_FREEONCLOSE | flags);
}

/// Writes an image of rows from `*place` on, and sets `*place` to the index after them.
absl::Status ShowNext(SqliteConnection& connection, RowImage& image, std::uint32_t* place) {
  auto* const memory = static_cast<unsigned char*>(sqlite3_malloc64(RowImage::kBytesMax));
  if (memory == nullptr) return absl::ResourceExhaustedError("there is no memory for an image of rows");
  *place = image.Write(*place, {memory, RowImage::kBytesMax});
  if (Show(connection, memory, image.size()) == SQLITE_OK) return absl::OkStatus();
  return absl::ResourceExhaustedError("SQLite does not take an image of rows");
}

absl::Status Insert(SqliteConnection& connection, const std::string& target, RowImage& image,
                    std::uint32_t rows) {
  // The statement names no columns and no conflict clause, because SQLite then would not copy whole records.
  const std::string sql = absl::StrCat("INSERT INTO main.", QuoteName(target), " SELECT * FROM ", kDatabase,
                                       ".", RowImage::kTable);
  const std::string doing = absl::StrCat("writing table '", target, "'");
  absl::Status done;
  const HeldPages held(connection.handle());  // For the rollback of what a refused statement wrote.
  for (std::uint32_t place = 0; place < rows && done.ok();) {
    done = ShowNext(connection, image, &place);
    // Prepared again for each image, because each is another database.
    if (done.ok()) done = connection.database().Prepare(sql, doing).Run();
  }
  // An empty image frees the memory. If even that fails, the last image stays until the next one.
  Show(connection, nullptr, 0, SQLITE_DESERIALIZE_RESIZEABLE);
  return done;
}

/// Deletes the rows from the batch's first key on. Before the batch the target had no rows there.
absl::Status TakeBack(SqliteConnection& connection, const std::string& target, const TableSchema& schema,
                      const ChangeBatch& batch) {
  const std::uint32_t key = schema.Key()[0];
  const std::uint32_t first = batch.key_order.empty() ? 0 : batch.key_order[0];
  ASSIGN_OR_RETURN(Query rows,
                   connection.Prepare(absl::StrCat("DELETE FROM ", QuoteName(target), " WHERE ",
                                                   QuoteName(schema.columns[key].name), " >= ?1")));
  return rows.Bind(1, batch.Find(key)->ints[first]).Run();
}

}  // namespace

absl::StatusOr<bool> InsertAsImages(SqliteConnection& connection, const std::string& target,
                                    const TableSchema& schema, const ChangeBatch& batch,
                                    const std::vector<std::uint32_t>& order) {
  if (!Attach(connection)) return false;
  RowImage image(schema, batch, order);
  absl::Status inserted = Insert(connection, target, image, batch.row_count);
  if (inserted.ok()) return true;
  if (!connection.database().InTransaction()) return inserted;
  RETURN_IF_ERROR(TakeBack(connection, target, schema, batch));
  return false;
}

void ForgetImages(SqliteConnection& connection) {
  if (IsAttached(connection.handle())) connection.Execute(absl::StrCat("DETACH ", kDatabase)).IgnoreError();
}

}  // namespace mirror
