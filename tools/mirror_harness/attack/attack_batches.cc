// Batches that lie about themselves, or hold what their table cannot.
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

Attack Batch(std::string name, std::string what, std::function<void(v1::ChangeBatch&)> change,
             std::set<std::string> expected = kIsInvalid) {
  return BatchAttack(std::move(name), std::move(what), std::move(expected), std::move(change));
}

/// The same for one column of it.
Attack Data(std::string name, std::string what, int column, std::function<void(v1::ColumnData&)> change,
            std::set<std::string> expected = kIsInvalid) {
  return Batch(
      std::move(name), std::move(what),
      [column, change](v1::ChangeBatch& batch) { change(*batch.mutable_columns(column)); },
      std::move(expected));
}

/// Leaves the columns in which a DELETE or an UPDATE of nothing but these comes.
void KeepColumns(const std::set<int>& kept, v1::ChangeBatch* batch) {
  for (int i = batch->columns_size() - 1; i >= 0; --i) {
    if (!kept.contains(i)) batch->mutable_columns()->DeleteSubrange(i, 1);
  }
}

std::vector<Attack> Arrays() {
  return {
      Data("ints-short", "Fewer numbers than rows.", kId, [](auto& d) { d.mutable_ints()->RemoveLast(); }),
      Data("ints-long", "More numbers than rows.", kId, [](auto& d) { d.add_ints(7); }),
      Data("doubles-short", "Fewer floats than rows.", kRatio,
           [](auto& d) { d.mutable_doubles()->RemoveLast(); }),
      Data("lengths-short", "Fewer lengths than rows.", kName,
           [](auto& d) { d.mutable_lengths()->RemoveLast(); }),
      Data("array-of-another-type", "Numbers where texts belong.", kName, [](auto& d) { d.add_ints(1); }),
      Data("two-arrays", "Numbers and bytes in one column.", kId, [](auto& d) { d.set_data("12345678"); }),
      Data("lengths-beyond-data", "A text that is longer than what came.", kName,
           [](auto& d) { d.set_lengths(1, 4'000); }),
      Data("lengths-short-of-data", "Bytes that belong to no row.", kName,
           [](auto& d) { d.set_lengths(1, 0); }),
      Data("lengths-negative", "A length of -1, as who has signed lengths writes it.", kName,
           [](auto& d) { d.set_lengths(0, static_cast<std::uint32_t>(-1)); }),
      Data("lengths-wrap", "Lengths whose sum is right modulo 2^32.", kName,
           [](auto& d) {
             d.set_lengths(0, static_cast<std::uint32_t>(-2));
             d.set_lengths(1, static_cast<std::uint32_t>(d.data().size()) + 2);
           }),
      Data("nulls-long", "A bitmap for 72 rows where there are two.", kAge,
           [](auto& d) { d.set_nulls(std::string(9, '\1')); }),
      Data("nulls-beyond-rows", "A bitmap that marks rows behind the last one.", kAge,
           [](auto& d) { d.set_nulls("\xff"); }),
      Data("kinds-short", "A value of ANY that has no kind.", kNote, [](auto& d) { d.set_kinds("\3"); }),
      Data("kinds-unknown", "A kind of value that there is not.", kNote,
           [](auto& d) { d.set_kinds("\3\x7f"); }),
      Data("kinds-lie", "Texts that say they are numbers.", kNote, [](auto& d) { d.set_kinds("\1\1"); }),
      Batch("row-count-high", "A row count over what the arrays hold.",
            [](auto& b) { b.set_row_count(1'000'000); }),
      Batch("row-count-low", "A row count below what the arrays hold.", [](auto& b) { b.set_row_count(1); }),
      Batch(
          "row-count-huge", "Four thousand million rows.", [](auto& b) { b.set_row_count(4'294'967'295U); },
          kIsExhausted),
      Batch("row-count-zero", "No rows, but values.", [](auto& b) { b.set_row_count(0); }),
      Batch("nulls-short", "A bitmap of NULLs with a byte too few for its 100,000 rows.",
            [](auto& b) {
              b.set_row_count(100'000);
              KeepColumns({kId}, &b);
              b.mutable_columns(0)->mutable_ints()->Resize(100'000, 0);
              b.mutable_columns(0)->set_nulls(std::string(12'499, '\xff'));
            }),
  };
}

std::vector<Attack> Texts() {
  return {
      Data("utf8-broken", "A text that is not UTF-8.", kName,
           [](auto& d) { d.set_data(std::string("Ad\xff") + "Bob"); }),
      Data("utf8-cut", "A character that begins in one row and ends in the next.", kName,
           [](auto& d) { d.set_data("Ad\xC3\xA9ob"); }),
      Data("utf8-overlong", "'/' in two bytes, as it gets past filters.", kName,
           [](auto& d) {
             d.set_data(
                 "A\xC0\xAF"
                 "Bob");
           }),
      Data("utf8-surrogate", "Half of a UTF-16 pair.", kName,
           [](auto& d) {
             d.set_data(
                 "\xED\xA0\x80"
                 "Bob");
           }),
      Data("text-nul", "NUL in a text.", kName, [](auto& d) { d.set_data(std::string("A\0aBob", 6)); }),
      Data("text-too-long", "A text of 51 characters in a column of 50.", kName,
           [](auto& d) {
             d.set_data(std::string(51, 'x') + "Bob");
             d.set_lengths(0, 51);
           }),
  };
}

std::vector<Attack> Numbers() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return {
      Data("int-out-of-range", "A number that 32 bits do not hold.", kAge,
           [](auto& d) { d.set_ints(1, 3'000'000'000); }),
      Data("bool-two", "A truth value of 2.", kLocked, [](auto& d) { d.set_ints(0, 2); }),
      Data("double-nan", "Not a number.", kRatio, [nan](auto& d) { d.set_doubles(0, nan); }),
      Data("double-infinity", "Infinity.", kRatio, [infinity](auto& d) { d.set_doubles(0, infinity); }),
      Data("any-nan", "Not a number, as ANY.", kNote,
           [nan](auto& d) {
             d.Clear();
             d.set_column(kNote);
             d.set_kinds("\2\2");
             d.add_doubles(1);
             d.add_doubles(nan);
           }),
      Data("decimal-exponent", "A decimal with an exponent.", kPrice,
           [](auto& d) {
             d.set_data("1e9991.00");
             d.set_lengths(0, 5);
             d.set_lengths(1, 4);
           }),
      Data("decimal-too-long", "A decimal with more digits than its column.", kPrice,
           [](auto& d) {
             d.set_data("123456789.0112.50");
             d.set_lengths(0, 12);
             d.set_lengths(1, 5);
           }),
  };
}

std::vector<Attack> Moments() {
  return {
      Data("timestamp-before-time", "A moment before year 1.", kSeen, [](auto& d) { d.set_ints(0, -1); }),
      Data("timestamp-after-time", "A moment after year 9999.", kSeen,
           [](auto& d) { d.set_ints(0, std::numeric_limits<std::int64_t>::max()); }),
      Data("uuid-short", "A UUID of 15 bytes.", kToken,
           [](auto& d) {
             d.mutable_data()->pop_back();
             d.set_lengths(1, 15);
           }),
      Data("null-not-allowed", "NULL in a column that takes none.", kName,
           [](auto& d) { d.set_nulls("\1"); }),
      Data("null-key", "NULL in the key.", kId, [](auto& d) { d.set_nulls("\1"); }),
      Data("key-twice", "One key twice in a batch.", kId, [](auto& d) { d.set_ints(1, d.ints(0)); }),
  };
}

std::vector<Attack> Frames() {
  return {
      Data("column-out-of-range", "A column index that the table does not have.", kAge,
           [](auto& d) { d.set_column(99); }),
      Data("column-huge", "A column index of 2^32 - 1.", kAge, [](auto& d) { d.set_column(4'294'967'295U); }),
      Data("column-twice", "One column given twice.", kAge, [](auto& d) { d.set_column(kId); }),
      Batch("column-missing", "An INSERT without a column.",
            [](auto& b) { b.mutable_columns()->RemoveLast(); }),
      Batch("operation-missing", "Rows, and nothing that should become of them.",
            [](auto& b) { b.clear_operation(); }),
      Batch("operation-unknown", "An operation of the future.",
            [](auto& b) { b.set_operation(static_cast<v1::Operation>(99)); }),
      Batch("update-of-the-key", "An UPDATE with nothing but the key.",
            [](auto& b) {
              b.set_operation(v1::OPERATION_UPDATE);
              KeepColumns({kId}, &b);
            }),
      Batch("update-without-key", "An UPDATE without the key: of all rows?",
            [](auto& b) {
              b.set_operation(v1::OPERATION_UPDATE);
              KeepColumns({kAge}, &b);
            }),
      Batch("delete-without-key", "A DELETE without the key: of all rows?",
            [](auto& b) {
              b.set_operation(v1::OPERATION_DELETE);
              b.clear_columns();
            }),
      Batch("delete-with-values", "A DELETE with more than the key.",
            [](auto& b) { b.set_operation(v1::OPERATION_DELETE); }),
      Batch("lineage-long", "A lineage of 65 bytes.",
            [](auto& b) { b.mutable_target()->set_lineage(std::string(65, 'x')); }),
      Batch("target-missing", "A first batch that does not say where it goes.",
            [](auto& b) { b.clear_target(); }),
      Batch("target-minus-one", "A target of -1.", [](auto& b) { b.mutable_target()->set_lsn(-1); }),
      Batch("populate-unknown", "A population for a reason of the future, with a base that is none.",
            [](auto& b) { b.set_populate(static_cast<v1::PopulateReason>(99)); },
            {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}),
  };
}

Attack Part(std::string name, std::string what, std::set<std::string> expected,
            std::function<void(v1::RowDataRequest&)> change) {
  return {std::move(name), std::move(what), std::move(expected), [change](Target& target) {
            v1::RowDataRequest request;
            request.set_cycle(target.cycle());
            v1::ValuePart* part = request.add_parts();
            part->set_table("people");
            part->set_value_id(1);
            part->set_data("piece");
            change(request);
            Outcome outcome = target.Send(request);
            outcome.fault = target.VictimHarm();
            return outcome;
          }};
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
      Data("large-never-sent", "A value in parts of which none was sent.", kPhoto, large(5'000'000),
           {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}),
      Data("large-over-limit", "A value of an exabyte.", kPhoto, large(1ULL << 60), kIsExhausted),
      Data("large-empty", "A value in parts without a byte.", kPhoto, large(0)),
      Data("large-beyond-rows", "A value in parts for a row that there is not.", kPhoto,
           [](auto& d) { d.add_large()->set_row(9); }),
      Data("large-in-the-key", "A key in parts.", kId, [](auto& d) { d.add_large()->set_size(1); }),
      Part("part-empty", "A piece without a byte.", kIsInvalid,
           [](auto& r) { r.mutable_parts(0)->clear_data(); }),
      Part("part-too-large", "A piece of 5 MB.", kIsInvalid,
           [](auto& r) { r.mutable_parts(0)->set_data(std::string(5'000'000, 'x')); }),
      Part("part-beyond-limit", "A piece at the end of 64 bits.", kIsExhausted,
           [](auto& r) { r.mutable_parts(0)->set_offset(std::numeric_limits<std::uint64_t>::max() - 1); }),
      Part("part-gap", "A second piece without a first one.", {"INVALID_ARGUMENT", "FAILED_PRECONDITION"},
           [](auto& r) { r.mutable_parts(0)->set_offset(100); }),
      Part("part-of-no-table", "A piece of a table that was not announced.", {"FAILED_PRECONDITION"},
           [](auto& r) { r.mutable_parts(0)->set_table("strangers"); }),
  };
}

}  // namespace

Theme BatchAttacks() { return {"batches", Together({Arrays, Texts, Numbers, Moments, Frames, Parts})}; }

}  // namespace mirror::harness
