#include "proto/wire/column_check.h"

#include <array>
#include <bit>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

constexpr std::string_view kSendValid = "send a value that the column can hold";
constexpr std::string_view kSendAsStored = "send it as the column's affinity would convert it";
constexpr std::string_view kEncodeAgain = "encode the batch as ColumnData says";

// Checks the values of one column. The first pass tests all of them without branches, NULLs included. Only if
// that pass finds a fault are rows tested one by one, without the NULL ones.
class ColumnCheck {
 public:
  ColumnCheck(const Place& place, std::uint32_t rows, const WireLimits& limits,
              std::span<const std::uint32_t> lengths, ColumnView& view)
      : place_(place), column_(*place.column), rows_(rows), limits_(limits), lengths_(lengths), view_(view) {}

  absl::Status Run() {
    view_.storage = StorageOf(column_.type);
    view_.text = column_.type == Type::kDecimal || column_.type == Type::kText;
    RETURN_IF_ERROR(Arrays());
    RETURN_IF_ERROR(Nulls());
    if (!view_.large.empty() && !MayTravelInParts()) {
      return place_.Refuse("values of this column cannot travel in parts", "send them in the batch");
    }
    if (view_.storage == Storage::kInts) return Ints();
    if (view_.storage == Storage::kDoubles) return Doubles();
    if (view_.storage == Storage::kAny) RETURN_IF_ERROR(Kinds());
    RETURN_IF_ERROR(Starts());
    RETURN_IF_ERROR(Large());
    switch (column_.type) {
      case Type::kDecimal:
        return Decimals();
      case Type::kText:
        return Texts();
      case Type::kAny:
        RETURN_IF_ERROR(Doubles());
        RETURN_IF_ERROR(TextsKeptAsTexts());
        return Texts();
      default:
        return ByteLengths();
    }
  }

 private:
  absl::Status WrongCount(std::string_view array, std::size_t has, std::size_t wanted) const {
    return place_.Refuse(
        absl::StrCat("'", std::string(array), "' has ", has, " entries where ", wanted, " are expected"),
        kEncodeAgain);
  }

  // Each array has one entry for each row, or none if the type does not use the array. ANY's arrays
  // are counted together with its kinds.
  absl::Status Arrays() const {
    const bool any = view_.storage == Storage::kAny;
    const auto wanted = [this](Storage storage) { return view_.storage == storage ? rows_ : 0U; };
    if (!any && view_.ints.size() != wanted(Storage::kInts)) {
      return WrongCount("ints", view_.ints.size(), wanted(Storage::kInts));
    }
    if (!any && view_.doubles.size() != wanted(Storage::kDoubles)) {
      return WrongCount("doubles", view_.doubles.size(), wanted(Storage::kDoubles));
    }
    if (!any && lengths_.size() != wanted(Storage::kBytes)) {
      return WrongCount("lengths", lengths_.size(), wanted(Storage::kBytes));
    }
    if (view_.kinds.size() != wanted(Storage::kAny)) {
      return WrongCount("kinds", view_.kinds.size(), wanted(Storage::kAny));
    }
    if (lengths_.empty() && !view_.data.empty()) return WrongCount("data", view_.data.size(), 0);
    return absl::OkStatus();
  }

  absl::Status Nulls() const {
    const std::string_view nulls = view_.nulls;
    if (nulls.empty()) return absl::OkStatus();
    const std::size_t wanted = view_.storage == Storage::kAny ? 0 : (std::size_t{rows_} + 7) / 8;
    if (nulls.size() != wanted) return WrongCount("nulls", nulls.size(), wanted);
    if (rows_ % 8 != 0 && (static_cast<unsigned char>(nulls.back()) >> (rows_ % 8)) != 0) {
      return place_.Refuse("'nulls' marks rows that the batch does not have", kEncodeAgain);
    }
    if (MayBeNull()) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      if (view_.IsNull(row)) return NotNullable(row);
    }
    return absl::OkStatus();
  }

  bool MayBeNull() const { return column_.nullable && column_.key_position == 0; }

  absl::Status NotNullable(std::uint32_t row) const {
    return place_.At(row).Refuse("NULL, and the column is not nullable", kSendValid);
  }

  absl::Status Ints() const {
    const IntRule rule = IntRuleOf(column_);
    if (rule.HoldsAll()) return absl::OkStatus();
    bool fits = true;
    if (rule.has_step()) {
      for (const std::int64_t value : view_.ints) fits &= rule.Holds(value);
    } else {
      for (const std::int64_t value : view_.ints) fits &= rule.InRange(value);
    }
    if (fits) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      if (!view_.IsNull(row) && !rule.Holds(view_.ints[row])) {
        return place_.At(row).Refuse(WhyNotInt(column_, view_.ints[row]), kSendValid);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Doubles() const {
    bool fits = true;
    if (column_.type == Type::kFloat) {
      for (const double value : view_.doubles) fits &= HoldsReal(Type::kFloat, value);
    } else {
      constexpr std::uint64_t kExponent = std::uint64_t{0x7FF} << 52;
      for (const double value : view_.doubles) {
        fits &= (std::bit_cast<std::uint64_t>(value) & kExponent) != kExponent;
      }
    }
    if (fits) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const Value value = view_.At(row);
      if (value.kind == Kind::kReal && !HoldsReal(column_.type, value.real)) {
        return place_.At(row).Refuse(WhyNotReal(value.real), kSendValid);
      }
    }
    return absl::OkStatus();
  }

  // Gives each row its index in the array of its kind.
  absl::Status Kinds() {
    // Array for each kind: none, ints, doubles, bytes.
    constexpr std::array<std::uint8_t, 6> kArray = {0, 1, 2, 3, 3, 3};
    std::array<std::uint32_t, 4> counts{};
    unsigned seen = 0;  // Bit k is set if some row has kind k.
    view_.slots.resize(rows_);
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const auto kind = static_cast<unsigned char>(view_.kinds[row]);
      if (kind >= kArray.size()) return place_.At(row).Refuse("a kind that is not known here", kEncodeAgain);
      seen |= 1U << kind;
      view_.slots[row] = counts[kArray[kind]]++;
    }
    if (view_.ints.size() != counts[1]) return WrongCount("ints", view_.ints.size(), counts[1]);
    if (view_.doubles.size() != counts[2]) return WrongCount("doubles", view_.doubles.size(), counts[2]);
    if (lengths_.size() != counts[3]) return WrongCount("lengths", lengths_.size(), counts[3]);
    return Refused(seen);
  }

  // Refuses kinds that the column cannot store unchanged.
  absl::Status Refused(unsigned seen) const {
    const auto bit = [](Kind kind) { return 1U << static_cast<unsigned>(kind); };
    const unsigned null = MayBeNull() ? 0 : bit(Kind::kNull);
    // Storing these kinds would change the values.
    const unsigned changed = column_.affinity == Affinity::kText   ? bit(Kind::kInteger) | bit(Kind::kReal)
                             : column_.affinity == Affinity::kReal ? bit(Kind::kInteger)
                                                                   : 0;
    if ((seen & (null | changed)) == 0) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const unsigned kind = 1U << static_cast<unsigned char>(view_.kinds[row]);
      if ((kind & null) != 0) return NotNullable(row);
      if ((kind & changed) != 0) {
        return place_.At(row).Refuse(kChangesKind, kSendAsStored);
      }
    }
    return absl::OkStatus();
  }

  // Computes offsets from the lengths, and checks their sum against the data.
  absl::Status Starts() {
    view_.starts.resize(lengths_.size() + 1);
    std::uint32_t* starts = view_.starts.data();
    std::uint64_t sum = 0;
    for (const std::uint32_t length : lengths_) {
      *starts++ = static_cast<std::uint32_t>(sum);
      sum += length;
    }
    *starts = static_cast<std::uint32_t>(sum);
    if (sum == view_.data.size() && sum <= UINT32_MAX) return absl::OkStatus();
    return place_.Refuse(absl::StrCat("'lengths' adds up to ", sum, " bytes, 'data' has ", view_.data.size()),
                         kEncodeAgain);
  }

  bool MayTravelInParts() const {
    const bool type =
        column_.type == Type::kText || column_.type == Type::kBytes || column_.type == Type::kAny;
    return type && column_.key_position == 0;
  }

  absl::Status Large() const {
    const LargeValue* before = nullptr;
    for (const LargeValue& large : view_.large) {
      if (large.row >= rows_ || (before != nullptr && large.row <= before->row)) {
        return place_.Refuse("the rows of 'large' are not ascending rows of the batch", kEncodeAgain);
      }
      before = &large;
      RETURN_IF_ERROR(OneLarge(large, place_.At(large.row)));
    }
    return absl::OkStatus();
  }

  absl::Status OneLarge(const LargeValue& large, const Place& at) const {
    if (view_.IsNull(large.row)) return at.Refuse("NULL, and 'large' has a value for it", kEncodeAgain);
    std::uint32_t slot = large.row;
    if (view_.storage == Storage::kAny) {
      if (view_.kinds[large.row] < static_cast<char>(Kind::kText)) {
        return at.Refuse("'large' has a value for a number", kEncodeAgain);
      }
      slot = view_.slots[large.row];
    }
    if (lengths_[slot] != 0) return at.Refuse("bytes in 'data' and a value in 'large'", kEncodeAgain);
    if (large.size == 0) return at.Refuse("a value in 'large' without a byte", kEncodeAgain);
    if (large.size > limits_.value_bytes_max) {
      return at.TooMuch(
          absl::StrCat("a value of ", large.size, " bytes; the limit is ", limits_.value_bytes_max),
          "leave the column out or shorten the value");
    }
    // A UTF-16 unit is at most 3 bytes of UTF-8; the exact length is checked when the text is complete.
    const std::uint64_t unit_bytes = column_.type == Type::kText ? 3 : 1;
    if (column_.length != 0 && large.size > unit_bytes * column_.length) {
      return at.Refuse(absl::StrCat("the value in 'large' is longer than ", column_.length,
                                    column_.type == Type::kText ? " UTF-16 units" : " bytes"),
                       kSendValid);
    }
    return absl::OkStatus();
  }

  std::string_view Bytes(std::uint32_t slot) const {
    return view_.data.substr(view_.starts[slot], lengths_[slot]);
  }

  absl::Status Decimals() const {
    for (std::uint32_t row = 0; row < rows_; ++row) {
      if (!HoldsDecimal(column_, Bytes(row)) && !view_.IsNull(row)) {
        return place_.At(row).Refuse(WhyNotDecimal(column_), kSendValid);
      }
    }
    return absl::OkStatus();
  }

  // Returns true if no length in bytes is over the column's. A text never has more UTF-16 units than bytes.
  bool LengthsFit() const {
    if (column_.length == 0) return true;
    bool fits = true;
    for (const std::uint32_t length : lengths_) fits &= length <= column_.length;
    return fits;
  }

  absl::Status TextsKeptAsTexts() const {
    if (column_.affinity == Affinity::kBlob || column_.affinity == Affinity::kText) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const Value value = view_.At(row);
      const bool text = value.kind == Kind::kText || value.kind == Kind::kRawText;
      if (text && IsStoredAsNumber(column_, value.bytes)) {
        return place_.At(row).Refuse(kChangesKind, kSendAsStored);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Texts() const {
    const bool ascii = IsAscii(view_.data);
    if (ascii ? LengthsFit() : (WholeCharacters() && LengthsFit())) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const Value value = view_.At(row);
      if (value.kind == Kind::kText && !HoldsText(column_, value.bytes)) {
        return place_.At(row).Refuse(WhyNotText(column_, value.bytes), kSendValid);
      }
    }
    return absl::OkStatus();
  }

  // Returns true if all data is UTF-8 and no value begins inside a character.
  bool WholeCharacters() const {
    if (!CountUtf8(view_.data)) return false;
    bool whole = true;
    for (const std::uint32_t start : view_.starts) {
      whole &= start == view_.data.size() || !IsUtf8Continuation(view_.data[start]);
    }
    return whole;
  }

  absl::Status ByteLengths() const {
    const bool uuid = column_.type == Type::kUuid;
    bool fits = true;
    if (uuid) {
      for (const std::uint32_t length : lengths_) fits &= length == 16;
    } else {
      fits = LengthsFit();
    }
    if (fits) return absl::OkStatus();
    for (std::uint32_t row = 0; row < rows_; ++row) {
      const bool wrong = uuid ? lengths_[row] != 16 : lengths_[row] > column_.length;
      if (wrong && !view_.IsNull(row)) return place_.At(row).Refuse(WhyNotBytes(column_), kSendValid);
    }
    return absl::OkStatus();
  }

  Place place_;
  const Column& column_;
  std::uint32_t rows_;
  const WireLimits& limits_;
  std::span<const std::uint32_t> lengths_;
  ColumnView& view_;
};

}  // namespace

std::string Place::Words(const std::string& reason, std::string_view remedy) const {
  std::string words = absl::StrCat("table '", table.name, "'");
  if (column != nullptr) absl::StrAppend(&words, ", column '", column->name, "'");
  if (row) absl::StrAppend(&words, ", row ", *row);
  absl::StrAppend(&words, ": ", reason, ". Nothing of this batch was applied; ", std::string(remedy), ".");
  return words;
}

absl::Status Place::Refuse(const std::string& reason, std::string_view remedy) const {
  return absl::InvalidArgumentError(Words(reason, remedy));
}

absl::Status Place::TooMuch(const std::string& reason, std::string_view remedy) const {
  return absl::ResourceExhaustedError(Words(reason, remedy));
}

absl::Status CheckColumn(const TableSchema& table, std::uint32_t row_count, const WireLimits& limits,
                         std::span<const std::uint32_t> lengths, ColumnView* view) {
  const Place place{table, &table.columns[view->column]};
  return ColumnCheck(place, row_count, limits, lengths, *view).Run();
}

}  // namespace mirror
