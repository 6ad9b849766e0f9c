#ifndef MIRROR_SERVER_OWN_RECORDS_COLUMN_H_
#define MIRROR_SERVER_OWN_RECORDS_COLUMN_H_

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"

namespace mirror {

/// The type of a column's values in SQLite; in PostgreSQL.
enum class ColumnKind : std::uint8_t {
  kNumber,   ///< INTEGER; bigint.
  kFlag,     ///< INTEGER, 0 or 1; boolean.
  kText,     ///< TEXT; text.
  kKeyText,  ///< TEXT; text in the order of its bytes.
  kRawText,  ///< TEXT; bytea, since the text is from outside and need not be UTF-8.
  kBytes,    ///< BLOB; bytea.
};

/// The value of one column in one row, on its way to a database or from it.
class Field {
 public:
  /// Makes NULL.
  Field() = default;
  /// Stores unsigned numbers as the same 64 bits, flags as 0 or 1.
  template <std::integral Number>
  Field(Number number)  // NOLINT: implicit for lists of fields, as all of these constructors are.
      : is_null_(false), number_(static_cast<std::int64_t>(number)) {}
  template <typename Enum>
  requires std::is_enum_v<Enum> Field(Enum number) : Field(static_cast<std::int64_t>(number)) {}
  /// Makes a view, valid as long as the text that it refers to.
  Field(std::string_view text) : is_null_(false), view_(text) {}
  Field(const std::string& text) : Field(std::string_view(text)) {}
  Field(std::string&& text) : is_null_(false), owns_(true), own_(std::move(text)) {}

  bool is_null() const { return is_null_; }
  /// Returns 0 for NULL and texts.
  std::int64_t number() const { return number_; }
  /// Returns the text or bytes; empty for NULL and numbers. Valid as long as this object.
  std::string_view text() const { return owns_ ? std::string_view(own_) : view_; }
  /// Copies a text that it only views.
  void Own() {
    if (owns_ || view_.empty()) return;
    own_ = view_;
    owns_ = true;
  }

 private:
  bool is_null_ = true;
  bool owns_ = false;
  std::int64_t number_ = 0;
  std::string_view view_;
  std::string own_;
};

struct ColumnOptions {
  bool key = false;            ///< It is the primary key, or a part of that.
  bool empty_is_null = false;  ///< An empty text is written as NULL.
  /// The kind of a text; absent: kText. Numbers and flags have the kind of their member.
  std::optional<ColumnKind> kind = std::nullopt;
  std::string_view default_sql = {};  ///< As written in SQL: "0", "''"; empty: none.
  /// Its place, counted from 0, in a row that is packed into one value; -1: it is not packed. Stored rows
  /// have these places. So a column never gets another place, and a new column gets the last one.
  int packed = -1;
  /// The text after its name in CREATE TABLE, if it does not follow from the rest.
  std::string_view sqlite = {};
  std::string_view postgres = {};
};

/// A column, independent of the type of its rows.
struct ColumnShape {
  std::string_view name;
  ColumnKind kind = ColumnKind::kText;
  bool is_key = false;
  bool may_be_null = false;
  bool empty_is_null = false;
  int packed = -1;
  std::string_view default_sql = {}, sqlite = {}, postgres = {};
};

/// A column, and the functions that read and write its value in a row.
template <typename Row>
struct RecordColumn : ColumnShape {
  Field (*get)(const Row& row) = nullptr;
  absl::Status (*set)(const Field& field, Row& row) = nullptr;
};

namespace columns {  // Private to this file.

template <typename Value>
inline constexpr bool kIsOptional = false;
template <typename Value>
inline constexpr bool kIsOptional<std::optional<Value>> = true;

template <typename Pointer>
struct Pointee;
template <typename Value, typename Class>
struct Pointee<Value Class::*> {
  using Type = Value;
};
/// The type of the member that `Pointer` points to.
template <auto Pointer>
using ValueIn = typename Pointee<std::remove_cv_t<decltype(Pointer)>>::Type;

template <typename Value>
constexpr ColumnKind KindOf() {
  if constexpr (kIsOptional<Value>) {
    return KindOf<typename Value::value_type>();
  } else if constexpr (std::same_as<Value, bool>) {
    return ColumnKind::kFlag;
  } else if constexpr (std::integral<Value> || std::is_enum_v<Value>) {
    return ColumnKind::kNumber;
  } else {
    static_assert(std::same_as<Value, std::string>, "other members are columns by AsText()");
    return ColumnKind::kText;
  }
}

/// Returns the kind of the last member of a path.
template <auto First, auto... Rest>
constexpr ColumnKind KindAt() {
  if constexpr (sizeof...(Rest) == 0) {
    return KindOf<ValueIn<First>>();
  } else {
    return KindAt<Rest...>();
  }
}

/// Reads and writes the value at the end of a path of members. The value is NULL if a part of the path is
/// absent. Setting NULL does not create such a part.
template <auto... Path>
struct At {
  template <typename Value>
  static Field Get(const Value& value) {
    if constexpr (kIsOptional<Value>) {
      return value ? Get(*value) : Field();
    } else {
      return Field(value);
    }
  }
  template <typename Value>
  static void Set(const Field& field, Value& value) {
    if constexpr (kIsOptional<Value>) {
      if (!field.is_null()) Set(field, value.emplace());
    } else if constexpr (std::same_as<Value, bool>) {
      value = field.number() != 0;
    } else if constexpr (std::same_as<Value, std::string>) {
      value = field.text();
    } else {
      value = static_cast<Value>(field.number());
    }
  }
};
template <auto First, auto... Rest>
struct At<First, Rest...> {
  template <typename Value>
  static Field Get(const Value& value) {
    if constexpr (kIsOptional<Value>) {
      return value ? Get(*value) : Field();
    } else {
      return At<Rest...>::Get(value.*First);
    }
  }
  template <typename Value>
  static void Set(const Field& field, Value& value) {
    if constexpr (kIsOptional<Value>) {
      if (!value && !field.is_null()) value.emplace();
      if (value) Set(field, *value);
    } else {
      At<Rest...>::Set(field, value.*First);
    }
  }
};

constexpr ColumnShape ShapeOf(std::string_view name, ColumnKind kind, bool may_be_null,
                              const ColumnOptions& as) {
  return {.name = name,
          .kind = as.kind.value_or(kind),
          .is_key = as.key,
          .may_be_null = may_be_null || as.empty_is_null,
          .empty_is_null = as.empty_is_null,
          .packed = as.packed,
          .default_sql = as.default_sql,
          .sqlite = as.sqlite,
          .postgres = as.postgres};
}

}  // namespace columns

constexpr bool IsNumber(ColumnKind kind) { return kind == ColumnKind::kNumber || kind == ColumnKind::kFlag; }

/// Checks packed columns, for a static_assert beside their definition. Each place must occur once. No number
/// may follow a text, because SQL finds a number only if everything before it has a fixed length.
template <typename Columns>
constexpr bool ArePacked(const Columns& columns) {
  int packed = 0;
  bool texts = false;
  for (const ColumnShape& column : columns) packed += column.packed >= 0 ? 1 : 0;
  for (int place = 0; place < packed; ++place) {
    int found = 0;
    for (const ColumnShape& column : columns) {
      if (column.packed != place) continue;
      ++found;
      if (texts && IsNumber(column.kind)) return false;
      texts = !IsNumber(column.kind);
    }
    if (found != 1) return false;
  }
  return packed > 0;
}

/// Makes the columns of a record.
template <typename Row>
struct ColumnsOf {
  /// Makes a column of a member, or of a member's member: Member<&Row::place, &Place::town>("town"). If a
  /// part of the path is an optional, the column may be NULL, which means absent.
  template <auto... Path>
  static constexpr RecordColumn<Row> Member(std::string_view name, const ColumnOptions& as = {}) {
    const bool may_be_null = (columns::kIsOptional<columns::ValueIn<Path>> || ...);
    return {columns::ShapeOf(name, columns::KindAt<Path...>(), may_be_null, as),
            [](const Row& row) { return columns::At<Path...>::Get(row); },
            [](const Field& field, Row& row) {
              columns::At<Path...>::Set(field, row);
              return absl::OkStatus();
            }};
  }

  /// Makes a column of a member stored as text, which these two functions write and read; NULL is read as "".
  template <auto Pointer, std::string (*Write)(const columns::ValueIn<Pointer>&),
            absl::Status (*Read)(std::string_view, columns::ValueIn<Pointer>*)>
  static constexpr RecordColumn<Row> AsText(std::string_view name, const ColumnOptions& as = {}) {
    return {columns::ShapeOf(name, ColumnKind::kText, false, as),
            [](const Row& row) { return Field(Write(row.*Pointer)); },
            [](const Field& field, Row& row) { return Read(field.text(), &(row.*Pointer)); }};
  }

  /// Makes such a column from the whole row: for several members.
  template <std::string (*Write)(const Row&), absl::Status (*Read)(std::string_view, Row*)>
  static constexpr RecordColumn<Row> RowAsText(std::string_view name, const ColumnOptions& as = {}) {
    return {columns::ShapeOf(name, ColumnKind::kText, false, as),
            [](const Row& row) { return Field(Write(row)); },
            [](const Field& field, Row& row) { return Read(field.text(), &row); }};
  }

  /// Makes a column without a member: the writer of a row sets it by Fields::Set().
  static constexpr RecordColumn<Row> Beside(std::string_view name, ColumnKind kind,
                                            const ColumnOptions& as = {}) {
    return {columns::ShapeOf(name, kind, false, as), [](const Row&) { return Field(); },
            [](const Field&, Row&) { return absl::OkStatus(); }};
  }

  /// The key of a table that has one row.
  static constexpr RecordColumn<Row> One() {
    return {columns::ShapeOf("one", ColumnKind::kFlag, false,
                             {.key = true,
                              .sqlite = "INTEGER PRIMARY KEY CHECK (one = 1)",
                              .postgres = "boolean PRIMARY KEY CHECK (one)"}),
            [](const Row&) { return Field(true); }, [](const Field&, Row&) { return absl::OkStatus(); }};
  }
};

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_COLUMN_H_
