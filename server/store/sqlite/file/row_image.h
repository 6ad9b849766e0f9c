#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_ROW_IMAGE_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_ROW_IMAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"

namespace mirror {

/// Writes rows of a batch as a SQLite database with one table, in SQLite's file format
/// (https://www.sqlite.org/fileformat2.html). From such a table SQLite copies whole records. Otherwise it
/// asks for each value and builds the record itself (docs/decisions/0069). Threads: one at a time.
class RowImage {
 public:
  /// Maximum size of one image. A larger batch needs several.
  static constexpr std::size_t kBytesMax = 1 << 20;
  /// The name of the image's table.
  static constexpr char kTable[] = "r";

  /// Returns whether an image can hold the batch's rows. Conditions: the rows have all columns, the key is
  /// one integer, the message holds every value, no column's affinity would change a value, and each row fits
  /// into a page.
  static bool CanHold(const TableSchema& schema, const ChangeBatch& batch);

  /// `order`: the schema's columns in the order of the target table. All arguments must outlive this object.
  RowImage(const TableSchema& schema, const ChangeBatch& batch, const std::vector<std::uint32_t>& order);

  /// Writes rows into `image`, which has kBytesMax bytes. Begins at index `place` of the batch's order, and
  /// writes at least one row. Returns the index after the last row.
  std::uint32_t Write(std::uint32_t place, std::span<unsigned char> image);
  /// Returns the size in bytes of the image that was written last.
  std::size_t size() const { return size_; }

 private:
  struct Source {
    const ColumnView* view;
    const Column* column;
    ValueForm form;
    bool is_key;  ///< The value is the row's id. The record has NULL for it.
  };
  /// A value to be written into a record.
  struct Field {
    std::uint64_t type = 0;  ///< The serial type, as in the record's header; 0: NULL.
    std::uint32_t size = 0;
    std::uint64_t number = 0;  ///< The value, unless `bytes` is set.
    const char* bytes = nullptr;
  };
  class Leaf;

  static void SetInteger(Field& field, std::int64_t value);
  static void SetReal(Field& field, double value, bool may_be_integer);
  /// `kind`: the serial type of an empty value.
  static void SetBytes(Field& field, std::string_view bytes, std::uint64_t kind);
  void MakeField(std::size_t i, std::uint32_t row);
  void MakeFields(std::uint32_t row);
  void WriteCell(unsigned char* to) const;

  const ChangeBatch& batch_;
  std::vector<Source> sources_;
  std::vector<Field> fields_;
  std::vector<std::array<char, 40>> texts_;  ///< Buffers, by column, for values that are stored as texts.
  std::vector<unsigned char> first_page_;
  std::size_t root_at_ = 0;  ///< The offset in the first page where the number of the table's root page is.
  std::int64_t rowid_ = 0;
  std::size_t header_bytes_ = 0, payload_bytes_ = 0;
  std::size_t size_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_ROW_IMAGE_H_
