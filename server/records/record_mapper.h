#ifndef MIRROR_SERVER_RECORDS_RECORD_MAPPER_H_
#define MIRROR_SERVER_RECORDS_RECORD_MAPPER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json_document.h"
#include "proto/wire/table.h"

namespace mirror {

/// The table of every data source of records.
inline constexpr char kPartnerTable[] = "businesspartner";
/// Its columns before those of the mapper, in this order.
inline constexpr char kExternalIdColumn[] = "externalId";
inline constexpr char kRecordColumn[] = "record";
inline constexpr std::size_t kOwnPartnerColumns = 5;

inline constexpr char kDefaultMapper[] = "default";
/// Columns that a mapper can have.
inline constexpr std::size_t kMapperColumnsMax = 200;

/// How attributes of a record become columns of kPartnerTable.
///
/// Names of attributes are compared without ASCII case, blanks and '_'. Where several of a record mean the
/// same column, the one that the mapper lists first counts; the others stand in the record alone. Threads:
/// any.
class RecordMapper {
 public:
  struct Column {
    std::string from, to;
    friend bool operator==(const Column&, const Column&) = default;
  };

  /// "default": COMPANY_NAME, CITY and the others of docs/records.md.
  static RecordMapper Default();
  /// Errors: kInvalidArgument, for people: a column that cannot be called so, that is there already, or no
  /// attribute that becomes kExternalIdColumn.
  static absl::StatusOr<RecordMapper> Make(std::string id, std::vector<Column> columns, bool keeps_unmapped);

  const std::string& id() const { return id_; }
  const std::vector<Column>& columns() const { return columns_; }
  /// What no column is made of stays in the record; else it is dropped.
  bool keeps_unmapped() const { return keeps_unmapped_; }
  /// The place of an attribute in columns(). Absent: it becomes none.
  std::optional<std::size_t> Find(std::string_view attribute) const;
  /// Of a header of attributes, the one that is the external id. Absent: none is.
  std::optional<std::size_t> FindExternalId(const std::vector<std::string>& attributes) const;
  /// The table, with all that it has.
  const TableSchema& table() const { return table_; }
  /// The column of table() that an attribute at this place of columns() becomes; that of the external id,
  /// too.
  std::uint32_t ColumnOf(std::size_t place) const { return places_[place]; }
  bool IsExternalId(std::size_t place) const { return places_[place] == 0; }

 private:
  /// Of names as they are compared. (Nothing is copied: each attribute of each record is looked for.)
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  RecordMapper(std::string id, std::vector<Column> columns, bool keeps_unmapped);

  std::string id_;
  std::vector<Column> columns_;
  bool keeps_unmapped_;
  std::unordered_map<std::string, std::size_t, Hash, Equal> by_name_;  ///< Places in columns_.
  TableSchema table_;
  std::vector<std::uint32_t> places_;  ///< Of columns_, in table_.
};

/// {"id":"m1","columns":[{"from":"ORT","to":"city"},...],"unmapped":"keep"}
std::string MapperJson(const RecordMapper& mapper);
/// Errors: kInvalidArgument, for people: RecordMapper::Make()'s, and of the JSON.
absl::StatusOr<RecordMapper> MapperOf(const JsonView& json);
/// The same of what MapperJson() gave.
absl::StatusOr<RecordMapper> MapperOf(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_MAPPER_H_
