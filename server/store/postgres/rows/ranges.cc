#include "server/store/postgres/rows/ranges.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "base/db/postgres/value.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/store_records.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{10};
constexpr int kRowsBetweenLooks = 1'000;

/// Returns how many values of the key have to be compared with a bound. No text in PostgreSQL has a NUL. A
/// bound with a NUL comes just before the least text that continues the part before the NUL. So later key
/// values have no effect.
std::size_t PartsOf(const Key& bound) {
  const auto nul = std::find_if(bound.begin(), bound.end(), [](const KeyPart& part) {
    return part.kind == Kind::kText && part.bytes.find('\0') != std::string::npos;
  });
  return nul == bound.end() ? bound.size() : static_cast<std::size_t>(nul - bound.begin()) + 1;
}

/// The statement for ranges with the same kind of bounds, and its bound values.
class RangeStatement {
 public:
  explicit RangeStatement(const PostgresReading& reading) : reading_(reading), key_(reading.kept.Key()) {}

  std::string Unbounded() const {
    const std::string live = LiveRows(reading_.kept, "m");
    return absl::StrCat(Selected(), live.empty() ? "" : " WHERE ", live,
                        reading_.in_key_order ? InKeyOrder() : "");
  }

  /// Returns SQL for the ranges from index `begin` up to, but not including, `end`.
  std::string Bounded(const std::vector<KeyRange>& ranges, std::size_t begin, std::size_t end) {
    std::string unnested, names;
    const auto bound = [&](char name, Key KeyRange::*which, const char* is) {
      const std::size_t parts = PartsOf(ranges[begin].*which);
      std::string columns, values;
      for (std::size_t i = 0; i < parts; ++i) {
        const Column& column = reading_.kept.columns[key_[i]];
        const std::string value = absl::StrCat(std::string(1, name), i);
        absl::StrAppend(&columns, i == 0 ? "" : ", ", "m.", QuoteName(column.name));
        absl::StrAppend(&values, i == 0 ? "" : ", ", "r.", value);
        absl::StrAppend(&names, value, ", ");
        absl::StrAppend(&unnested, unnested.empty() ? "" : ", ", "$", arrays_.size() + 1,
                        "::", ElementName(column), "[]");
        postgres::Array& array = arrays_.emplace_back(ElementType(column));
        for (std::size_t at = begin; at < end; ++at) Add(column, (ranges[at].*which)[i], &array);
      }
      return parts == 0 ? std::string() : absl::StrCat("(", columns, ") ", is, " (", values, ")");
    };
    const std::string first = bound('f', &KeyRange::first, ">=");
    const std::string last = bound('l', &KeyRange::last, "<");
    // unnest() returns the ranges in their order. So PostgreSQL does not sort them again.
    return absl::StrCat("SELECT v.*, r.n FROM unnest(", unnested, ") WITH ORDINALITY AS r(", names,
                        "n) CROSS JOIN LATERAL (", Selected(), " WHERE ", first,
                        first.empty() || last.empty() ? "" : " AND ", last, AndLive(reading_.kept, "m"),
                        InKeyOrder(), reading_.first_alone ? " LIMIT 1" : "", ") AS v ORDER BY r.n");
  }

  std::vector<postgres::Value> Values() {
    std::vector<postgres::Value> values;
    for (postgres::Array& array : arrays_) values.push_back(array.value());
    return values;
  }

 private:
  std::string Selected() const {
    return absl::StrCat("SELECT ", reading_.select, " FROM ", reading_.From(), " AS m");
  }
  std::string InKeyOrder() const {
    std::string order;
    for (const std::uint32_t column : key_) {
      absl::StrAppend(&order, order.empty() ? " ORDER BY m." : ", m.",
                      QuoteName(reading_.kept.columns[column].name));
    }
    return order;
  }
  static void Add(const Column& column, const KeyPart& part, postgres::Array* to) {
    std::string text = part.bytes;
    if (const std::size_t nul = text.find('\0'); part.kind == Kind::kText && nul != std::string::npos) {
      text = text.substr(0, nul) + '\1';
    }
    const Value value = {.kind = part.kind, .integer = part.integer, .real = part.real, .bytes = text};
    std::string turned;
    to->Add(PostgresValue(column, value, &turned));
  }

  const PostgresReading& reading_;
  const std::vector<std::uint32_t> key_;
  std::vector<postgres::Array> arrays_;
};

/// Returns the end of the ranges from `begin` on that have the same kind of bounds as the first of them.
std::size_t EndOfAlike(const std::vector<KeyRange>& ranges, std::size_t begin) {
  std::size_t end = begin + 1;
  const auto parts = [&](std::size_t at) {
    return std::pair(PartsOf(ranges[at].first), PartsOf(ranges[at].last));
  };
  while (end < ranges.size() && parts(end) == parts(begin)) ++end;
  return end;
}

std::string Doing(const PostgresReading& reading) {
  return absl::StrCat("reading table '", reading.kept.name, "'");
}

/// Reads all rows of a stream one by one. `at` handles the current row.
template <typename Stream, typename At>
absl::Status ReadAll(Stream& stream, const std::function<absl::Status()>& may_go_on, const At& at) {
  for (std::int64_t row = 0;; ++row) {
    for (bool look = row % kRowsBetweenLooks == 0; look || !stream.IsReady(kBetweenLooks); look = false) {
      RETURN_IF_ERROR(may_go_on());
    }
    ASSIGN_OR_RETURN(const bool stepped, ToStoreStatus(stream.Step(), TableOwner::kMirroredTable));
    if (!stepped) return absl::OkStatus();
    RETURN_IF_ERROR(at());
  }
}

/// Runs a statement with bound values. Its last column has the number of each row's range, counted from
/// `first_range`.
absl::Status ReadNumbered(postgres::Connection& connection, const PostgresReading& reading,
                          const std::string& sql, postgres::Values values, std::size_t first_range,
                          const std::function<absl::Status()>& may_go_on, const TakeRangeRow& take) {
  absl::StatusOr<postgres::RowStream> stream = connection.Stream(sql, values, Doing(reading));
  if (!stream.ok()) return ToStoreStatus(stream.status(), TableOwner::kMirroredTable);
  std::vector<postgres::Type> types;
  std::vector<std::string_view> fields;
  return ReadAll(*stream, may_go_on, [&] {
    if (types.empty()) types = stream->row().Types();
    stream->row().ViewRow(0, &fields);
    const std::int64_t number = postgres::ReadInt(fields.back()) - 1;
    return take({types, fields}, first_range + static_cast<std::size_t>(number));
  });
}

/// Runs a statement without values. With COPY a row takes less than half of the time that libpq needs for a
/// row of its own. COPY does not report the types of columns, so they are requested before. The transaction
/// keeps others from changing them.
absl::Status ReadByCopy(postgres::Connection& connection, const PostgresReading& reading,
                        const std::string& sql, std::size_t range,
                        const std::function<absl::Status()>& may_go_on, const TakeRangeRow& take) {
  const absl::StatusOr<std::vector<postgres::Type>> types = connection.ColumnTypes(
      absl::StrCat("SELECT ", reading.select, " FROM ", reading.From(), " AS m WHERE false"), Doing(reading));
  if (!types.ok()) return ToStoreStatus(types.status(), TableOwner::kMirroredTable);
  absl::StatusOr<postgres::CopyOut> copy = postgres::CopyOut::Send(
      connection, absl::StrCat("COPY (", sql, ") TO STDOUT (FORMAT binary)"), Doing(reading));
  if (!copy.ok()) return ToStoreStatus(copy.status(), TableOwner::kMirroredTable);
  return ReadAll(*copy, may_go_on, [&] { return take({*types, copy->fields()}, range); });
}

}  // namespace

absl::Status ReadRanges(postgres::Connection& connection, const PostgresReading& reading,
                        const std::vector<KeyRange>& ranges, const std::function<absl::Status()>& may_go_on,
                        const TakeRangeRow& take) {
  const std::vector<KeyRange> all(1);
  const std::vector<KeyRange>& asked = ranges.empty() ? all : ranges;
  for (std::size_t begin = 0; begin < asked.size();) {
    const bool is_bounded = !asked[begin].first.empty() || !asked[begin].last.empty();
    const std::size_t end = is_bounded ? EndOfAlike(asked, begin) : begin + 1;
    RangeStatement statement(reading);
    absl::Status read;
    if (is_bounded) {
      const std::string sql = statement.Bounded(asked, begin, end);
      read = ReadNumbered(connection, reading, sql, statement.Values(), begin, may_go_on, take);
    } else {
      read = ReadByCopy(connection, reading, statement.Unbounded(), begin, may_go_on, take);
    }
    if (!read.ok()) return read;
    begin = end;
  }
  return absl::OkStatus();
}

absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max) {
  RowBlock block = RowBlock::ForAll(kept);
  const PostgresKinds kinds = FirstKinds(kept);
  PostgresStoredRows stored(kept, kinds, kept.AllColumns());
  postgres::Array wanted = postgres::TextArray(keys);
  std::string from =
      absl::StrCat(" FROM ", Qualified(names.schema_name, kept.name), " AS m WHERE m.",
                   QuoteName(kept.columns[kept.Key().front()].name), " = ANY ($1)", AndLive(kept, "m"));
  const std::string doing = absl::StrCat("reading table '", kept.name, "'");
  if (keys.size() > 1 && bytes_max != kAnyBytes) {
    // All requested values are in memory at the same time.
    std::string sum = "0";
    for (const Column& column : kept.columns)
      absl::StrAppend(&sum, " + coalesce(octet_length(m.", QuoteName(column.name), "::text), 0)");
    const absl::StatusOr<postgres::Rows> bytes = connection.Query(
        absl::StrCat("SELECT coalesce(sum(", sum, "), 0)::bigint", from), {wanted.value()}, doing);
    if (!bytes.ok()) return ToStoreStatus(bytes.status(), TableOwner::kMirroredTable);
    if (static_cast<std::uint64_t>(bytes->Int(0, 0)) > bytes_max) return TooManyBytes(kept, bytes_max);
  }
  const absl::StatusOr<postgres::Rows> rows =
      connection.Query(absl::StrCat("SELECT ", stored.SelectList("m"), from), {wanted.value()}, doing);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  for (int row = 0; row < rows->rows(); ++row) {
    RETURN_IF_ERROR(stored.Append(*rows, row, &block));
  }
  return block;
}

}  // namespace mirror
