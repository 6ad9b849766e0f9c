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

/// Name of the table in every data source of records.
inline constexpr char kPartnerTable[] = "businesspartner";
/// Columns that precede the mapper's columns, in this order.
inline constexpr char kExternalIdColumn[] = "externalId";
inline constexpr char kRecordColumn[] = "record";
inline constexpr std::size_t kOwnPartnerColumns = 5;

inline constexpr char kDefaultMapper[] = "default";
/// Maximum number of columns of a mapper.
inline constexpr std::size_t kMapperColumnsMax = 200;

/// Maps attributes of a record to columns of kPartnerTable.
///
/// Names of attributes are compared without ASCII case, blanks and '_'. If several attributes of a record map
/// to the same column, the one that the mapper lists first is used; the others are kept in the record only.
/// Threads: any.
class RecordMapper {
 public:
  struct Column {
    std::string from, to;
    friend bool operator==(const Column&, const Column&) = default;
  };

  /// "default": COMPANY_NAME, CITY and the others of docs/records.md.
  static RecordMapper Default();
  /// Errors: kInvalidArgument, with a text for people: a column name is not
  /// allowed or is a duplicate, or no attribute maps to kExternalIdColumn.
  static absl::StatusOr<RecordMapper> Make(std::string id, std::vector<Column> columns, bool keeps_unmapped);

  const std::string& id() const { return id_; }
  const std::vector<Column>& columns() const { return columns_; }
  /// Whether attributes without a column stay in the record; else they are dropped.
  bool keeps_unmapped() const { return keeps_unmapped_; }
  /// Returns the index of an attribute in columns(). Absent: it maps to no column.
  std::optional<std::size_t> Find(std::string_view attribute) const;
  /// Returns the index of the external id in a header of attributes. Absent: there is none.
  std::optional<std::size_t> FindExternalId(const std::vector<std::string>& attributes) const;
  /// The complete table definition.
  const TableSchema& table() const { return table_; }
  /// Returns the column of table() for the attribute at
  /// this index of columns(); the external id has one, too.
  std::uint32_t ColumnOf(std::size_t place) const { return places_[place]; }
  bool IsExternalId(std::size_t place) const { return places_[place] == 0; }

 private:
  /// Hash and comparison of attribute names, without copies: each attribute of each record is looked up.
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
  std::unordered_map<std::string, std::size_t, Hash, Equal> by_name_;  ///< Indexes in columns_.
  TableSchema table_;
  std::vector<std::uint32_t> places_;  ///< Index in table_ for each of columns_.
};

/// {"id":"m1","columns":[{"from":"ORT","to":"city"},...],"unmapped":"keep"}
std::string MapperJson(const RecordMapper& mapper);
/// Errors: kInvalidArgument, for people: those of RecordMapper::Make(), and errors in the JSON.
absl::StatusOr<RecordMapper> MapperOf(const JsonView& json);
/// Parses the result of MapperJson().
absl::StatusOr<RecordMapper> MapperOf(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_MAPPER_H_
