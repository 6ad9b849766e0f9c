// Attacks by batches that describe themselves wrongly, or have values that their table cannot have.
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// Makes the attack Batch() that changes one column.
Attack::Run Data(int column, std::function<void(v1::ColumnData&)> change) {
  return Batch([column, change = std::move(change)](v1::ChangeBatch& batch) {
    change(*batch.mutable_columns(column));
  });
}

/// Makes an attack by a batch with these two values in a column.
Attack::Run Values(int column, const std::string& first, const std::string& second) {
  return Data(column, [first, second](v1::ColumnData& data) {
    data.set_data(first + second);
    data.set_lengths(0, static_cast<std::uint32_t>(first.size()));
    data.set_lengths(1, static_cast<std::uint32_t>(second.size()));
  });
}

/// Makes an attack by a batch with these lengths for the values of a column. The real lengths are 3 each.
Attack::Run Lengths(int column, std::uint32_t first, std::uint32_t second) {
  return Data(column, [first, second](v1::ColumnData& data) {
    data.set_lengths(0, first);
    data.set_lengths(1, second);
  });
}

/// Removes all columns but `kept`, as a DELETE or an UPDATE of these columns has them.
void KeepColumns(const std::set<int>& kept, v1::ChangeBatch* batch) {
  for (int i = batch->columns_size() - 1; i >= 0; --i) {
    if (!kept.contains(i)) batch->mutable_columns()->DeleteSubrange(i, 1);
  }
}

std::vector<Attack> Arrays() {
  return {
      {"ints-short", "Fewer numbers than rows.", kIsInvalid,
       Data(kId, [](auto& d) { d.mutable_ints()->RemoveLast(); })},
      {"ints-long", "More numbers than rows.", kIsInvalid, Data(kId, [](auto& d) { d.add_ints(7); })},
      {"doubles-short", "Fewer floats than rows.", kIsInvalid,
       Data(kRatio, [](auto& d) { d.mutable_doubles()->RemoveLast(); })},
      {"lengths-short", "Fewer lengths than rows.", kIsInvalid,
       Data(kName, [](auto& d) { d.mutable_lengths()->RemoveLast(); })},
      {"array-of-another-type", "Numbers where texts belong.", kIsInvalid,
       Data(kName, [](auto& d) { d.add_ints(1); })},
      {"two-arrays", "Numbers and bytes in one column.", kIsInvalid,
       Data(kId, [](auto& d) { d.set_data("12345678"); })},
      {"lengths-beyond-data", "A text that is longer than its data.", kIsInvalid, Lengths(kName, 3, 4'000)},
      {"lengths-short-of-data", "Bytes that belong to no row.", kIsInvalid, Lengths(kName, 3, 0)},
      {"lengths-negative", "A length of -1, as a program with signed lengths writes it.", kIsInvalid,
       Lengths(kName, 0xFFFF'FFFFU, 3)},
      {"lengths-wrap", "Lengths whose sum is right modulo 2^32.", kIsInvalid,
       Lengths(kName, 0xFFFF'FFFEU, 8)},
      {"nulls-long", "A bitmap for 72 rows in a batch of two.", kIsInvalid,
       Data(kAge, [](auto& d) { d.set_nulls(std::string(9, '\1')); })},
      {"nulls-beyond-rows", "A bitmap that marks rows after the last one.", kIsInvalid,
       Data(kAge, [](auto& d) { d.set_nulls("\xff"); })},
      {"kinds-short", "A value of ANY that has no kind.", kIsInvalid,
       Data(kNote, [](auto& d) { d.set_kinds("\3"); })},
      {"kinds-unknown", "A kind of value that does not exist.", kIsInvalid,
       Data(kNote, [](auto& d) { d.set_kinds("\3\x7f"); })},
      {"kinds-lie", "Texts that say they are numbers.", kIsInvalid,
       Data(kNote, [](auto& d) { d.set_kinds("\1\1"); })},
      {"row-count-high", "A row count over what the arrays hold.", kIsInvalid,
       Batch([](auto& b) { b.set_row_count(1'000'000); })},
      {"row-count-low", "A row count below what the arrays hold.", kIsInvalid,
       Batch([](auto& b) { b.set_row_count(1); })},
      {"row-count-huge", "Four thousand million rows.", kIsExhausted,
       Batch([](auto& b) { b.set_row_count(4'294'967'295U); })},
      {"row-count-zero", "No rows, but values.", kIsInvalid, Batch([](auto& b) { b.set_row_count(0); })},
      {"nulls-short", "A bitmap of NULLs with a byte too few for its 100,000 rows.", kIsInvalid,
       Batch([](auto& b) {
         b.set_row_count(100'000);
         KeepColumns({kId}, &b);
         b.mutable_columns(0)->mutable_ints()->Resize(100'000, 0);
         b.mutable_columns(0)->set_nulls(std::string(12'499, '\xff'));
       })},
  };
}

std::vector<Attack> Texts() {
  return {
      {"utf8-broken", "A text that is not UTF-8.", kIsInvalid, Values(kName, "Ad\xff", "Bob")},
      {"utf8-cut", "A character that begins in one row and ends in the next.", kIsInvalid,
       Values(kName, "Ad\xC3", "\xA9ob")},
      {"utf8-overlong", "'/' as two bytes, which passes some filters.", kIsInvalid,
       Values(kName, "A\xC0\xAF", "Bob")},
      {"utf8-surrogate", "Half of a UTF-16 pair.", kIsInvalid, Values(kName, "\xED\xA0\x80", "Bob")},
      {"text-nul", "NUL in a text.", kIsInvalid, Values(kName, std::string("A\0a", 3), "Bob")},
      {"text-too-long", "A text of 51 characters in a column of 50.", kIsInvalid,
       Values(kName, std::string(51, 'x'), "Bob")},
  };
}

std::vector<Attack> Numbers() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return {
      {"int-out-of-range", "A number that is too large for 32 bits.", kIsInvalid,
       Data(kAge, [](auto& d) { d.set_ints(1, 3'000'000'000); })},
      {"bool-two", "A boolean of 2.", kIsInvalid, Data(kLocked, [](auto& d) { d.set_ints(0, 2); })},
      {"double-nan", "Not a number.", kIsInvalid, Data(kRatio, [nan](auto& d) { d.set_doubles(0, nan); })},
      {"double-infinity", "Infinity.", kIsInvalid,
       Data(kRatio, [infinity](auto& d) { d.set_doubles(0, infinity); })},
      {"any-nan", "Not a number, as ANY.", kIsInvalid,
       Data(kNote,
            [nan](auto& d) {
              d.Clear();
              d.set_column(kNote);
              d.set_kinds("\2\2");
              d.add_doubles(1);
              d.add_doubles(nan);
            })},
      {"decimal-exponent", "A decimal with an exponent.", kIsInvalid, Values(kPrice, "1e999", "1.00")},
      {"decimal-too-long", "A decimal with more digits than its column.", kIsInvalid,
       Values(kPrice, "123456789.01", "12.50")},
  };
}

std::vector<Attack> Moments() {
  return {
      {"timestamp-before-time", "A timestamp before year 1.", kIsInvalid,
       Data(kSeen, [](auto& d) { d.set_ints(0, -1); })},
      {"timestamp-after-time", "A timestamp after year 9999.", kIsInvalid,
       Data(kSeen, [](auto& d) { d.set_ints(0, std::numeric_limits<std::int64_t>::max()); })},
      {"uuid-short", "A UUID of 15 bytes.", kIsInvalid,
       Values(kToken, "0123456789abcdef", "0123456789abcde")},
      {"null-not-allowed", "NULL in a column that is NOT NULL.", kIsInvalid,
       Data(kName, [](auto& d) { d.set_nulls("\1"); })},
      {"null-key", "NULL in the key.", kIsInvalid, Data(kId, [](auto& d) { d.set_nulls("\1"); })},
      {"key-twice", "One key twice in a batch.", kIsInvalid,
       Data(kId, [](auto& d) { d.set_ints(1, d.ints(0)); })},
  };
}

std::vector<Attack> Frames() {
  return {
      {"column-out-of-range", "A column index that the table does not have.", kIsInvalid,
       Data(kAge, [](auto& d) { d.set_column(99); })},
      {"column-huge", "A column index of 2^32 - 1.", kIsInvalid,
       Data(kAge, [](auto& d) { d.set_column(4'294'967'295U); })},
      {"column-twice", "One column given twice.", kIsInvalid, Data(kAge, [](auto& d) { d.set_column(kId); })},
      {"column-missing", "An INSERT without a column.", kIsInvalid,
       Batch([](auto& b) { b.mutable_columns()->RemoveLast(); })},
      {"operation-missing", "Rows without an operation.", kIsInvalid,
       Batch([](auto& b) { b.clear_operation(); })},
      {"operation-unknown", "An operation that does not exist.", kIsInvalid,
       Batch([](auto& b) { b.set_operation(static_cast<v1::Operation>(99)); })},
      {"update-of-the-key", "An UPDATE with nothing but the key.", kIsInvalid, Batch([](auto& b) {
         b.set_operation(v1::OPERATION_UPDATE);
         KeepColumns({kId}, &b);
       })},
      {"update-without-key", "An UPDATE without the key.", kIsInvalid, Batch([](auto& b) {
         b.set_operation(v1::OPERATION_UPDATE);
         KeepColumns({kAge}, &b);
       })},
      {"delete-without-key", "A DELETE without the key.", kIsInvalid, Batch([](auto& b) {
         b.set_operation(v1::OPERATION_DELETE);
         b.clear_columns();
       })},
      {"delete-with-values", "A DELETE with more than the key.", kIsInvalid,
       Batch([](auto& b) { b.set_operation(v1::OPERATION_DELETE); })},
      {"lineage-long", "A lineage of 65 bytes.", kIsInvalid,
       Batch([](auto& b) { b.mutable_target()->set_lineage(std::string(65, 'x')); })},
      {"target-missing", "A first batch without a target.", kIsInvalid,
       Batch([](auto& b) { b.clear_target(); })},
      {"target-minus-one", "A target of -1.", kIsInvalid,
       Batch([](auto& b) { b.mutable_target()->set_lsn(-1); })},
      {"populate-unknown", "A population with an unknown reason and a base LSN that is not -1.",
       "FAILED_PRECONDITION|INVALID_ARGUMENT",
       Batch([](auto& b) { b.set_populate(static_cast<v1::PopulateReason>(99)); })},
  };
}

/// Makes an attack by a part of a value, altered by `change`. Without it the victim would accept the part.
Attack::Run Part(std::function<void(v1::ValuePart&)> change) {
  return [change = std::move(change)](Target& target) {
    v1::RowDataRequest request;
    request.set_cycle(target.cycle());
    v1::ValuePart* part = request.add_parts();
    part->set_table("people");
    part->set_value_id(1);
    part->set_data("piece");
    change(*part);
    return target.CheckVictim(target.Send(request));
  };
}

std::vector<Attack> Parts() {
  const auto large = [](std::uint64_t size) {
    return [size](v1::ColumnData& data) {
      data.set_data("");
      data.set_lengths(0, 0);
      data.set_lengths(1, 0);
      v1::LargeValue* value = data.add_large();
      value->set_row(1);
      value->set_value_id(777);
      value->set_size(size);
    };
  };
  return {
      {"large-never-sent", "A value in parts, none of which was sent.",
       "FAILED_PRECONDITION|INVALID_ARGUMENT", Data(kPhoto, large(5'000'000))},
      {"large-over-limit", "A value of an exabyte.", kIsExhausted, Data(kPhoto, large(1ULL << 60))},
      {"large-empty", "A value in parts without a byte.", kIsInvalid, Data(kPhoto, large(0))},
      {"large-beyond-rows", "A value in parts for a row that does not exist.", kIsInvalid,
       Data(kPhoto, [](auto& d) { d.add_large()->set_row(9); })},
      {"large-in-the-key", "A key in parts.", kIsInvalid,
       Data(kId, [](auto& d) { d.add_large()->set_size(1); })},
      {"part-empty", "A piece without a byte.", kIsInvalid, Part([](auto& p) { p.clear_data(); })},
      {"part-too-large", "A piece of 5 MB.", kIsInvalid,
       Part([](auto& p) { p.set_data(std::string(5'000'000, 'x')); })},
      {"part-beyond-limit", "A piece at the end of 64 bits.", kIsExhausted,
       Part([](auto& p) { p.set_offset(std::numeric_limits<std::uint64_t>::max() - 1); })},
      {"part-gap", "A second piece without a first one.", "FAILED_PRECONDITION|INVALID_ARGUMENT",
       Part([](auto& p) { p.set_offset(100); })},
      {"part-of-no-table", "A piece of a table that was not announced.", "FAILED_PRECONDITION",
       Part([](auto& p) { p.set_table("strangers"); })},
  };
}

}  // namespace

Theme BatchAttacks() { return {"batches", Together({Arrays, Texts, Numbers, Moments, Frames, Parts})}; }

}  // namespace mirror::harness
