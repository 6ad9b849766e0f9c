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

/// Rows of a batch as a SQLite database with one table, in the bytes of its file format
/// (https://www.sqlite.org/fileformat2.html). From such a table SQLite copies whole records, where it would
/// else ask for each value and make the record itself (docs/decisions/0069). Threads: one at a time.
class RowImage {
 public:
  /// Of one image, at most. A larger batch takes several.
  static constexpr std::size_t kBytesMax = 1 << 20;
  /// The name of its table.
  static constexpr char kTable[] = "r";

  /// Whether it can hold rows of the batch: they have all columns, the key is one integer, every value stands
  /// in the message, none is one that its column's affinity would change, and each row has room in a page.
  static bool CanHold(const TableSchema& schema, const ChangeBatch& batch);

  /// `order`: the schema's columns as they stand in the table into which the rows go. All outlive this.
  RowImage(const TableSchema& schema, const ChangeBatch& batch, const std::vector<std::uint32_t>& order);

  /// Writes rows into `image`, of kBytesMax bytes: those from `place` of the batch's order on, one at least.
  /// Gives the place behind them.
  std::uint32_t Write(std::uint32_t place, std::span<unsigned char> image);
  /// Bytes of the image that was written last.
  std::size_t size() const { return size_; }

 private:
  struct Source {
    const ColumnView* view;
    const Column* column;
    ValueForm form;
    bool is_key;  ///< It is the row's id, and NULL in the record.
  };
  /// A value on its way into a record.
  struct Field {
    std::uint64_t type = 0;  ///< As the record's header has it; 0: NULL.
    std::uint32_t size = 0;
    std::uint64_t number = 0;  ///< The value itself, unless `bytes` is set.
    const char* bytes = nullptr;
  };
  class Leaf;

  static void SetInteger(Field& field, std::int64_t value);
  static void SetReal(Field& field, double value, bool may_be_integer);
  /// `kind`: what an empty one is in a record's header.
  static void SetBytes(Field& field, std::string_view bytes, std::uint64_t kind);
  void MakeField(std::size_t i, std::uint32_t row);
  void MakeFields(std::uint32_t row);
  void WriteCell(unsigned char* to) const;

  const ChangeBatch& batch_;
  std::vector<Source> sources_;
  std::vector<Field> fields_;
  std::vector<std::array<char, 40>> texts_;  ///< Of values that are kept as texts, by column.
  std::vector<unsigned char> first_page_;
  std::size_t root_at_ = 0;  ///< Where the first page says which page is the table's root.
  std::int64_t rowid_ = 0;
  std::size_t header_bytes_ = 0, payload_bytes_ = 0;
  std::size_t size_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_ROW_IMAGE_H_
