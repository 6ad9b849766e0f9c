// Requirements on verdicts of ReplicationCompleted, on DigestRanges and on ReadRows, by which a source proves
// equality.
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kSummary[] = "completion.proto, TableSummary and TableVerdict";
constexpr char kDigest[] = "mirror_client.proto, DigestRangesResponse";
constexpr char kRange[] = "mirror_client.proto, KeyRange";
constexpr char kRead[] = "mirror_client.proto, ReadRows";

using Int = std::int64_t;

SentRows Numbered(Int count) {
  SentRows rows;
  for (Int i = 1; i <= count; ++i)
    rows.push_back({i, absl::StrCat("name ", i), i % 3 == 0 ? Sent(Null{}) : Sent(i)});
  return rows;
}

v1::KeyRange Between(std::optional<Int> first, std::optional<Int> last) {
  v1::KeyRange range;
  if (first) range.add_first()->set_int_value(*first);
  if (last) range.add_last()->set_int_value(*last);
  return range;
}

Requirement Compared(std::string id, std::string sentence, v1::Comparison wanted,
                     std::function<void(const RangeDigest&, v1::TableSummary&)> claim) {
  return {std::move(id), std::move(sentence), kSummary, [wanted, claim](Exam& exam) {
            const TableSchema table = ExamPeople("compared");
            const SentRows rows = Numbered(5);
            exam.Begin();
            exam.Apply(exam.Population(table, exam.Announce(table), rows));
            v1::TableSummary summary;
            summary.set_table(table.name);
            claim(DigestOf(table, rows), summary);
            const v1::TableVerdict verdict = exam.Complete({summary}).front();
            Expect(
                verdict.table() == table.name && verdict.comparison() == wanted,
                absl::StrCat("expected ", v1::Comparison_Name(wanted), ", got ", verdict.ShortDebugString()));
          }};
}

/// Throws Unmet if DigestRanges and ReadRows of the table are not both refused with `wanted`.
void ExpectReadingsRefused(Exam& exam, const std::string& table, const v1::Position& position,
                           const std::vector<v1::KeyRange>& ranges, absl::StatusCode wanted) {
  v1::DigestRangesRequest digest;
  digest.set_cycle(exam.cycle());
  digest.set_table(table);
  *digest.mutable_position() = position;
  v1::ReadRowsRequest read;
  read.set_cycle(exam.cycle());
  read.set_table(table);
  *read.mutable_position() = position;
  read.add_columns(0);
  for (const v1::KeyRange& range : ranges) {
    *digest.add_ranges() = range;
    *read.add_ranges() = range;
  }
  ExpectStatus(exam.client().DigestRanges(digest).status(), wanted, "DigestRanges");
  ExpectStatus(exam.client().ReadRows(read, [](const auto&) { return absl::OkStatus(); }), wanted,
               "ReadRows");
}

std::vector<Requirement> Digests() {
  return {
      {"digest.definition",
       "The digest of a table is the sum of its rows' digests, as DigestRangesResponse defines it.", kDigest,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("digested", {ExamKey("id", Type::kInt64), ExamColumn("t", Type::kText),
                                    ExamColumn("r", Type::kDouble), ExamColumn("b", Type::kBytes),
                                    ExamColumn("d", Type::kDecimal), ExamColumn("a", Type::kAny)});
         const SentRows rows = {
             {Int{-5}, std::string("Grüße"), 0.5, Bytes{std::string("\0\xff", 2)}, std::string("12.50"),
              Int{7}},
             {Int{1}, std::string(), 1e300, Bytes{""}, std::string("0"), std::string("text")},
             {Int{2}, Null{}, Null{}, Null{}, Null{}, Null{}}};
         const v1::TableStatus status = exam.Filled(table, rows);
         const RangeDigest wanted = DigestOf(table, rows),
                           got = exam.Digests(table, status.position()).front();
         Expect(got == wanted, absl::StrCat("expected ", wanted.rows, " rows and ", wanted.sum, ", got ",
                                            got.rows, " and ", got.sum));
       }},
      {"digest.zero", "-0.0 is stored, and counted, as 0.0.", kDigest,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("zero", {ExamKey("id", Type::kInt64), ExamColumn("r", Type::kDouble)});
         const v1::TableStatus status = exam.Filled(table, {{Int{1}, -0.0}});
         Expect(exam.Digests(table, status.position()).front() == DigestOf(table, {{Int{1}, 0.0}}),
                "the digest is that of another value");
       }},
      {"digest.empty", "A table without a row has 0 rows and digest 0.", kDigest,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("no_rows");
         exam.Begin();
         v1::ChangeBatch batch = exam.Population(table, exam.Announce(table), {});
         exam.Apply(batch);
         Expect(exam.Digests(table, batch.target()).front() == RangeDigest{}, "its rows or digest are not 0");
       }},
      {"digest.ranges", "Ranges are from `first` inclusive to `last` exclusive, answered in their order.",
       kRange,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("ranges");
         const SentRows rows = Numbered(10);
         const v1::TableStatus status = exam.Filled(table, rows);
         const std::vector<RangeDigest> got = exam.Digests(
             table, status.position(), {Between(4, 8), Between({}, 4), Between(8, {}), Between(4, 4)});
         const auto part = [&](std::size_t from, std::size_t to) {
           return DigestOf(table,
                           {rows.begin() + static_cast<Int>(from), rows.begin() + static_cast<Int>(to)});
         };
         Expect(
             got[0] == part(3, 7) && got[1] == part(0, 3) && got[2] == part(7, 10) && got[3] == RangeDigest{},
             absl::StrCat("rows of the ranges: ", got[0].rows, ", ", got[1].rows, ", ", got[2].rows, ", ",
                          got[3].rows));
       }},
  };
}

std::vector<Requirement> DigestRefusals() {
  return {
      {"digest.elsewhere",
       "DigestRanges and ReadRows at another position or lineage are FAILED_PRECONDITION.", kRead,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("elsewhere");
         v1::Position position = exam.Filled(table, Numbered(2)).position();
         position.set_lsn(position.lsn() + 1);
         ExpectReadingsRefused(exam, table.name, position, {}, kPrecondition);
         position.set_lsn(position.lsn() - 1);
         position.set_lineage("another");
         ExpectReadingsRefused(exam, table.name, position, {}, kPrecondition);
       }},
      {"digest.pending", "DigestRanges and ReadRows of a table with a 'pending' are FAILED_PRECONDITION.",
       kRead,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("under_way");
         const v1::TableStatus status = exam.Filled(table, Numbered(2));
         exam.Apply(exam.Batch(table, status, v1::OPERATION_INSERT, {{Int{9}, std::string("x"), Null{}}}));
         ExpectReadingsRefused(exam, table.name, status.position(), {}, kPrecondition);
       }},
      {"digest.unknown",
       "DigestRanges and ReadRows of a table that was not announced are FAILED_PRECONDITION.", kRead,
       [](Exam& exam) {
         const v1::TableStatus status = exam.Filled(ExamPeople("announced"), Numbered(2));
         ExpectReadingsRefused(exam, "strangers", status.position(), {}, kPrecondition);
       }},
      {"digest.range-type", "A range whose values do not match the key's columns is INVALID_ARGUMENT.",
       kRange,
       [](Exam& exam) {
         const v1::TableStatus status = exam.Filled(ExamPeople("bounded"), Numbered(2));
         v1::KeyRange range;
         range.add_first()->set_text_value("1");
         ExpectReadingsRefused(exam, "bounded", status.position(), {range},
                               absl::StatusCode::kInvalidArgument);
         range = Between(1, {});
         range.add_first()->set_int_value(2);
         ExpectReadingsRefused(exam, "bounded", status.position(), {range},
                               absl::StatusCode::kInvalidArgument);
       }},
  };
}

std::vector<Requirement> Readings() {
  return {
      {"read.order-numbers", "ReadRows returns rows in key order: numbers by value.", kRange,
       [](Exam& exam) {
         const TableSchema table = ExamTable("by_number", {ExamKey("k", Type::kInt64)});
         const v1::TableStatus status = exam.Filled(table, {{Int{10}}, {Int{9}}, {Int{-100}}, {Int{0}}});
         ExpectRows(exam.Read(table, status.position()), {{Int{-100}}, {Int{0}}, {Int{9}}, {Int{10}}});
       }},
      {"read.order-texts", "ReadRows returns rows in key order: texts by their UTF-8 bytes.", kRange,
       [](Exam& exam) {
         const TableSchema table = ExamTable("by_text", {ExamKey("k", Type::kText)});
         const v1::TableStatus status = exam.Filled(
             table, {{std::string("é")}, {std::string("z")}, {std::string("Z")}, {std::string("")}});
         ExpectRows(exam.Read(table, status.position()),
                    {{std::string("")}, {std::string("Z")}, {std::string("z")}, {std::string("é")}});
       }},
      {"read.order-columns", "ReadRows returns rows in key order: by the first key column, then by the next.",
       kRange,
       [](Exam& exam) {
         const TableSchema table =
             ExamTable("by_two", {ExamKey("b", Type::kText, 2), ExamKey("a", Type::kInt32, 1)});
         const v1::TableStatus status = exam.Filled(
             table, {{std::string("x"), Int{2}}, {std::string("y"), Int{1}}, {std::string("x"), Int{1}}});
         ExpectRows(exam.Read(table, status.position()),
                    {{std::string("x"), Int{1}}, {std::string("y"), Int{1}}, {std::string("x"), Int{2}}});
       }},
      {"read.columns", "ReadRows returns the requested columns, in the order of the request.", kRead,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("some_columns");
         const v1::TableStatus status = exam.Filled(table, {{Int{1}, std::string("Ada"), Int{36}}});
         ExpectRows(exam.Read(table, status.position(), {}, {"age", "id"}), {{Int{36}, Int{1}}});
       }},
      {"read.ranges", "ReadRows returns rows of several ranges one range after the other.", kRead,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("some_rows");
         const SentRows rows = Numbered(6);
         const v1::TableStatus status = exam.Filled(table, rows);
         ExpectRows(exam.Read(table, status.position(), {Between(5, {}), Between(1, 3)}),
                    {rows[4], rows[5], rows[0], rows[1]});
       }},
      {"read.many", "ReadRows returns many rows completely, in messages of any size.", kRead,
       [](Exam& exam) {
         const TableSchema table = ExamPeople("many_rows");
         const SentRows rows = Numbered(20'000);
         const v1::TableStatus status = exam.Filled(table, rows);
         Expect(exam.Read(table, status.position()) == rows, "ReadRows returned other rows");
       }},
      {"read.no-column", "ReadRows without a column is INVALID_ARGUMENT.", kRead,
       [](Exam& exam) {
         const v1::TableStatus status = exam.Filled(ExamPeople("no_column"), Numbered(1));
         v1::ReadRowsRequest read;
         read.set_cycle(exam.cycle());
         read.set_table("no_column");
         *read.mutable_position() = status.position();
         ExpectStatus(exam.client().ReadRows(read, [](const auto&) { return absl::OkStatus(); }),
                      absl::StatusCode::kInvalidArgument, "ReadRows");
       }},
  };
}

std::vector<Requirement> Verdicts() {
  return {
      Compared("verdict.equal-count", "The mirror's own count is EQUAL.", v1::COMPARISON_EQUAL,
               [](const RangeDigest& sent, auto& summary) { summary.set_row_count(sent.rows); }),
      Compared("verdict.equal-digest", "The mirror's own count and digest are EQUAL.", v1::COMPARISON_EQUAL,
               [](const RangeDigest& sent, auto& summary) {
                 summary.set_row_count(sent.rows);
                 summary.set_digest(sent.sum);
               }),
      Compared("verdict.differs-count", "A different count is DIFFERS.", v1::COMPARISON_DIFFERS,
               [](const RangeDigest& sent, auto& summary) { summary.set_row_count(sent.rows + 1); }),
      Compared("verdict.differs-digest", "A different digest is DIFFERS.", v1::COMPARISON_DIFFERS,
               [](const RangeDigest& sent, auto& summary) {
                 summary.set_row_count(sent.rows);
                 summary.set_digest(sent.sum + 1);
               }),
      Compared("verdict.unchecked", "Without count and digest the verdict is UNCHECKED, even with inserts.",
               v1::COMPARISON_UNCHECKED, [](const RangeDigest&, auto& summary) { summary.set_inserts(99); }),
  };
}

}  // namespace

std::vector<Requirement> EqualityRequirements() {
  return Together({Verdicts, Digests, DigestRefusals, Readings});
}

}  // namespace mirror::harness
