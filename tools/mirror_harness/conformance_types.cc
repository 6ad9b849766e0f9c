// Requirements: values of every type are returned unchanged.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kType[] = "table.proto, Type";
constexpr char kParts[] = "change_batch.proto, ValuePart and LargeValue";
using Int = std::int64_t;
constexpr Int kSecond = 10'000'000, kDay = 86'400 * kSecond;
constexpr Int kDayLast = 3'652'058;  ///< 9999-12-31 in days from 0001-01-01.

/// Makes a requirement: these values are returned unchanged in a row, together with NULL, and as a key if the
/// type allows that.
Requirement RoundTrip(std::string id, Type type, std::vector<Sent> values) {
  return {
      "type." + id, absl::StrCat(std::string(ToString(type)), " comes back as it was sent, NULL included."),
      kType, [id, type, values](Exam& exam) {
        const TableSchema table =
            ExamTable("type_" + id, {ExamKey("id", Type::kInt32), ExamColumn("v", type)});
        SentRows rows;
        for (const Sent& value : values) rows.push_back({static_cast<Int>(rows.size()), value});
        rows.push_back({static_cast<Int>(rows.size()), Null{}});
        const v1::TableStatus status = exam.Filled(table, rows);
        ExpectRows(exam.Read(table, status.position()), rows);
        const TableSchema keyed = ExamTable("key_" + id, {ExamKey("k", type), ExamColumn("v", Type::kInt32)});
        // Some databases cannot have keys of type ANY.
        if (type == Type::kAny && exam.IsRefused(keyed)) return;
        SentRows by_key;
        for (const Sent& value : values) by_key.push_back({value, Int{1}});
        const v1::TableStatus agreed = exam.Filled(keyed, by_key);
        v1::ChangeBatch batch = exam.Batch(keyed, agreed, v1::OPERATION_UPDATE, {{values.front(), Int{2}}});
        AddCommit(&batch);
        exam.Apply(batch);
        Expect(exam.Read(keyed, batch.target()).size() == values.size(), "as a key the value is not found");
      }};
}

/// Sends a value above 4 MB, in parts before its row.
void SendInParts(Exam& exam, Type type, const std::string& value) {
  const TableSchema table = ExamTable(absl::StrCat("parts_", std::string(ToString(type))),
                                      {ExamKey("id", Type::kInt64), ExamColumn("v", type)});
  exam.Begin();
  v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), {{Int{1}, Sent(std::string())}});
  v1::ColumnData* column = batch.mutable_columns(1);
  v1::LargeValue* large = column->add_large();
  large->set_value_id(5);
  large->set_size(value.size());
  const std::size_t piece = exam.limits().part_bytes_max();
  for (std::size_t at = 0; at < value.size(); at += piece) {
    v1::RowDataRequest request;
    request.set_cycle(exam.cycle());
    v1::ValuePart* part = request.add_parts();
    part->set_table(table.name);
    part->set_value_id(5);
    part->set_offset(at);
    part->set_data(value.substr(at, piece));
    const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(request);
    ExpectStatus(answer.status(), absl::StatusCode::kOk, "a piece");
    Expect(answer->results_size() == 0, answer->ShortDebugString());
  }
  exam.Apply(batch);
  const SentRows rows = exam.Read(table, batch.target());
  const Sent wanted = type == Type::kText ? Sent(value) : Sent(Bytes{value});
  Expect(rows.size() == 1 && rows[0][1] == wanted, "the value that came back differs");
}

std::string LongText(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "Grüße, ";
  return text;
}

std::vector<Requirement> Parts() {
  return {
      {"parts.bytes", "Bytes over 4 MB travel in pieces and come back whole.", kParts,
       [](Exam& exam) {
         exam.Begin();
         std::string value(exam.limits().part_bytes_max() + 1'000'000, '\0');
         for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7);
         SendInParts(exam, Type::kBytes, value);
       }},
      {"parts.text", "Texts over 4 MB travel in pieces, too, even if a cut splits a character.", kParts,
       [](Exam& exam) {
         exam.Begin();
         SendInParts(exam, Type::kText, LongText(exam.limits().part_bytes_max() + 100'000));
       }},
      {"parts.missing", "A batch with a value that lacks pieces is refused by itself.", kParts,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("parts_missing", {ExamKey("id", Type::kInt64), ExamColumn("v", Type::kBytes)});
         exam.Begin();
         v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), {{Int{1}, Sent(Bytes{""})}});
         v1::LargeValue* large = batch.mutable_columns(1)->add_large();
         large->set_value_id(9);
         large->set_size(5'000'000);
         Expect(exam.Send(batch).code() != 0, "it was accepted");
       }},
      {"parts.too-large", "A piece over Limits.part_bytes_max is refused by itself.", kParts,
       [](Exam& exam) {
         exam.Begin();
         exam.Announce(ExamPeople("parts_too_large"));
         v1::RowDataRequest request;
         request.set_cycle(exam.cycle());
         v1::ValuePart* part = request.add_parts();
         part->set_table("parts_too_large");
         part->set_data(std::string(exam.limits().part_bytes_max() + 1, 'x'));
         const absl::StatusOr<v1::RowDataResponse> answer = exam.client().RowData(request);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "the call");
         Expect(answer->results_size() == 1 && answer->results(0).code() != 0, "it was accepted");
       }},
  };
}

std::vector<Requirement> RoundTrips() {
  const auto text = [](const char* value) { return Sent(std::string(value)); };
  return {
      RoundTrip("bool", Type::kBool, {Int{0}, Int{1}}),
      RoundTrip("int16", Type::kInt16, {Int{-32'768}, Int{0}, Int{32'767}}),
      RoundTrip("int32", Type::kInt32, {Int{INT32_MIN}, Int{0}, Int{INT32_MAX}}),
      RoundTrip("int64", Type::kInt64, {Int{INT64_MIN}, Int{0}, Int{INT64_MAX}}),
      RoundTrip("float", Type::kFloat, {-0.25, 0.0, 1.5}),
      RoundTrip("double", Type::kDouble, {0.1, 5e-324, 1.7976931348623157e308, -3.0}),
      RoundTrip("decimal", Type::kDecimal,
                {text("-12.50"), text("0"), text("1234567890123456789012345678.0123456789"), text("1.1000")}),
      RoundTrip("text", Type::kText,
                {text("[I:5]"), text(""), text("007"), text("1e5"), text("  spaces  "), text("a'b\"c;--"),
                 text("\xF0\x9F\x98\x80 e\xCC\x81")}),
      RoundTrip("bytes", Type::kBytes, {Bytes{std::string("\0\xff", 2)}, Bytes{""}, Bytes{"text"}}),
      RoundTrip("date", Type::kDate, {Int{0}, 642'461 * kDay, kDayLast * kDay}),
      RoundTrip("time", Type::kTime, {Int{0}, 23 * 3'600 * kSecond + 1'234'567, kDay - 1}),
      RoundTrip("timestamp", Type::kTimestamp, {Int{0}, 642'461 * kDay + 1, (kDayLast + 1) * kDay - 1}),
      RoundTrip("timestamp-tz", Type::kTimestampTz, {Int{0}, 738'944 * kDay + 5, (kDayLast + 1) * kDay - 1}),
      RoundTrip("uuid", Type::kUuid, {Bytes{"0123456789abcdef"}, Bytes{std::string(16, '\0')}}),
      RoundTrip("any", Type::kAny,
                {Int{1}, 1.5, text("1"), Bytes{"1"}, text(""), Bytes{""}, RawText{std::string("a\0b", 3)},
                 RawText{"\xff\xfe"}}),
  };
}

std::vector<Requirement> Kinds() {
  return {
      {"type.affinity", "ANY keeps each value's kind under each of the five affinities.", kType,
       [](Exam& exam) {
         const std::pair<Affinity, SentRow> cases[] = {
             {Affinity::kBlob, {Int{1}, Int{5}, 0.5, std::string("7"), Bytes{"7"}}},
             {Affinity::kText, {Int{1}, std::string("5"), std::string("x"), std::string("7"), Bytes{"7"}}},
             {Affinity::kNumeric, {Int{1}, Int{5}, 0.5, std::string("abc"), Bytes{"7"}}},
             {Affinity::kInteger, {Int{1}, Int{5}, 0.5, std::string("abc"), Bytes{"7"}}},
             {Affinity::kReal, {Int{1}, 5.0, 0.5, std::string("abc"), Bytes{"7"}}},
         };
         for (const auto& [affinity, row] : cases) {
           TableSchema table = ExamTable(absl::StrCat("affinity_", static_cast<int>(affinity)),
                                         {ExamKey("id", Type::kInt64)});
           for (const char* name : {"a", "b", "c", "d"}) {
             table.columns.push_back(ExamColumn(name, Type::kAny));
             table.columns.back().affinity = affinity;
           }
           const v1::TableStatus status = exam.Filled(table, {row});
           ExpectRows(exam.Read(table, status.position()), {row});
         }
       }},
      {"type.not-finite", "NaN and the infinities are INVALID_ARGUMENT.", kType,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("not_finite", {ExamKey("id", Type::kInt64), ExamColumn("v", Type::kDouble)});
         const v1::TableStatus status = exam.Filled(table, {{Int{1}, 0.5}});
         for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
           ExpectResult(exam.Send(exam.Batch(table, status, v1::OPERATION_INSERT, {{Int{2}, bad}})),
                        absl::StatusCode::kInvalidArgument, absl::StrCat(bad));
         }
       }},
      {"type.length", "A text's length counts UTF-16 units; one more is INVALID_ARGUMENT.", kType,
       [](Exam& exam) {
         TableSchema table = ExamTable("units", {ExamKey("id", Type::kInt64), ExamColumn("v", Type::kText)});
         table.columns[1].length = 4;
         const std::string two = "\xF0\x9F\x98\x80\xF0\x9F\x98\x80";
         const v1::TableStatus status = exam.Filled(table, {{Int{1}, two}});
         ExpectRows(exam.Read(table, status.position()), {{Int{1}, two}});
         ExpectResult(exam.Send(exam.Batch(table, status, v1::OPERATION_INSERT, {{Int{2}, two + "x"}})),
                      absl::StatusCode::kInvalidArgument, "five units");
       }},
  };
}

}  // namespace

std::vector<Requirement> TypeRequirements() { return Together({RoundTrips, Kinds, Parts}); }

}  // namespace mirror::harness
