// Names that mean something to a file system, to SQL or to the mirror itself, and tables that are none.
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Change = std::function<void(v1::TableSchemaRequest&)>;

/// What became of the announcement's last table; the victim's stands before it, so that it is never missed.
Outcome Announce(Target& target, const Change& change) {
  v1::TableSchemaRequest request = target.Announcement();
  EncodeTable(VictimTable("hostile"), request.add_tables());
  change(request);
  const absl::StatusOr<v1::TableSchemaResponse> answer = target.victim().TableSchema(request);
  if (!answer.ok()) return OutcomeOf(answer.status());
  Outcome outcome;
  if (answer->tables_size() != request.tables_size()) {
    outcome.fault = absl::StrCat(answer->tables_size(), " answers to ", request.tables_size(), " tables");
    return outcome;
  }
  if (answer->tables(0).action() != v1::TABLE_ACTION_UNCHANGED) {
    outcome.fault = "the victim's table was touched: " + answer->tables(0).reason();
  }
  const v1::TableStatus& last = answer->tables(answer->tables_size() - 1);
  const bool refused = last.action() == v1::TABLE_ACTION_REFUSED;
  outcome.got.insert(refused ? kRefused : last.action() == v1::TABLE_ACTION_CREATED ? kCreated : "OTHER");
  outcome.words = last.reason();
  // A refusal without a reason leaves its reader alone.
  if (refused && last.reason().empty()) outcome.fault = "refused without a reason";
  // The cycle goes on with what was agreed before.
  const absl::Status back = target.victim().TableSchema(target.Announcement()).status();
  if (!back.ok() && outcome.fault.empty()) outcome.fault = std::string(back.message());
  return outcome;
}

Attack Table(std::string name, std::string what, std::set<std::string> expected,
             std::function<void(v1::Table&)> change) {
  return {std::move(name), std::move(what), std::move(expected), [change](Target& target) {
            return Announce(target, [&](v1::TableSchemaRequest& request) {
              change(*request.mutable_tables(request.tables_size() - 1));
            });
          }};
}

Attack TableName(std::string name, std::string what, std::set<std::string> expected, std::string table) {
  return Table(std::move(name), std::move(what), std::move(expected),
               [table](v1::Table& announced) { announced.set_name(table); });
}

Attack ColumnName(std::string name, std::string what, std::set<std::string> expected, std::string column) {
  return Table(std::move(name), std::move(what), std::move(expected),
               [column](v1::Table& announced) { announced.mutable_columns(kAge)->set_name(column); });
}

Attack Whole(std::string name, std::string what, std::set<std::string> expected, Change change) {
  return {std::move(name), std::move(what), std::move(expected),
          [change](Target& target) { return Announce(target, change); }};
}

std::vector<Attack> Names() {
  return {
      TableName("table-path", "A table called '../x': a name like any other, and no path.", {kCreated},
                "../x"),
      TableName("table-absolute-path", "A table called '/etc/passwd'.", {kCreated}, "/etc/passwd"),
      TableName("table-sql", "A table whose name ends a quoted name and drops a table.", {kCreated},
                "a\";DROP TABLE people;--"),
      TableName("table-quotes", "A table called '\"\"'.", {kCreated}, "\"\""),
      TableName("table-percent", "A table called '%n%s%x', for who prints names as formats.", {kCreated},
                "%n%s%x"),
      TableName("table-128-characters",
                "The longest name, of characters of four bytes: more bytes than PostgreSQL has for one.",
                {kCreated, kRefused},
                [] {
                  std::string name;
                  for (int i = 0; i < 128; ++i) name += "\xF0\x9F\x98\x80";
                  return name;
                }()),
      TableName("table-200-characters", "A name of 200 characters.", {kRefused}, std::string(200, 'x')),
      TableName("table-megabyte", "A name of a megabyte.", {kRefused}, std::string(1 << 20, 'x')),
      TableName("table-empty", "A name without a character.", {kRefused}, ""),
      TableName("table-nul", "A name with NUL in it.", {kRefused}, std::string("peo\0ple", 7)),
      TableName("table-sqlite", "A name that SQLite keeps for itself, and PostgreSQL does not.",
                {kCreated, kRefused}, "sqlite_schema"),
      TableName("table-sqlite-case", "The same in capitals.", {kCreated, kRefused}, "SQLITE_x"),
      TableName("table-mirror", "A table of the mirror's own.", {kRefused}, "_mirror_tenant"),
      TableName("table-mirror-case", "The same in other letter case.", {kRefused}, "_MIRROR_nonces"),
      {"table-metadata",
       "The metadata table, '<context id>_mirroring'.",
       {kRefused},
       [](Target& target) {
         return Announce(target, [&](v1::TableSchemaRequest& request) {
           request.mutable_tables(1)->set_name(target.Tenant("victim") + "_mirroring");
         });
       }},
      Whole("table-twice", "Two tables whose names differ in letter case only.", {kRefused},
            [](v1::TableSchemaRequest& request) {
              *request.add_tables() = request.tables(1);
              request.mutable_tables(2)->set_name("HOSTILE");
            }),
      ColumnName("column-path", "A column called '../x'.", {kCreated}, "../x"),
      ColumnName("column-sql", "A column whose name ends the definition.", {kCreated},
                 "x\" INTEGER); DROP TABLE people; --"),
      ColumnName("column-rowid", "A column called 'rowid', which is another thing in SQLite.", {kCreated},
                 "rowid"),
      ColumnName("column-200-characters", "A column's name of 200 characters.", {kRefused},
                 std::string(200, 'x')),
      ColumnName("column-nul", "A column's name with NUL in it.", {kRefused}, std::string("a\0b", 3)),
      ColumnName("column-empty", "A column without a name.", {kRefused}, ""),
      ColumnName("column-twice", "Two columns whose names differ in letter case only.", {kRefused}, "NAME"),
  };
}

std::vector<Attack> Definitions() {
  return {
      Table("no-columns", "A table without a column.", {kRefused}, [](v1::Table& t) { t.clear_columns(); }),
      Table("columns-3000", "A table of 3,000 columns.", {kRefused},
            [](v1::Table& t) {
              for (int i = 0; i < 3'000; ++i) {
                v1::Column* column = t.add_columns();
                column->set_name(absl::StrCat("c", i));
                column->set_type(v1::TYPE_INT32);
                column->set_nullable(true);
              }
            }),
      Table("type-unknown", "A type of the future.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kAge)->set_type(static_cast<v1::Type>(99)); }),
      Table("type-unspecified", "A column without a type.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kAge)->clear_type(); }),
      Table("precision-huge", "A DECIMAL of four thousand million digits.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kPrice)->set_precision(4'000'000'000U); }),
      Table("scale-over-precision", "More digits behind the dot than digits.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kPrice)->set_scale(11); }),
      Table("key-gap", "Key positions 1 and 3.", {kRefused},
            [](v1::Table& t) {
              t.mutable_columns(kAge)->set_key_position(3);
              t.mutable_columns(kAge)->set_nullable(false);
            }),
      Table("key-twice", "Two columns at the key's first position.", {kRefused},
            [](v1::Table& t) {
              t.mutable_columns(kAge)->set_key_position(1);
              t.mutable_columns(kAge)->set_nullable(false);
            }),
      Table("key-nullable", "A key that may be NULL.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kId)->set_nullable(true); }),
      Table("column-id-twice", "Two columns with one id.", {kRefused},
            [](v1::Table& t) {
              t.mutable_columns(kAge)->set_column_id(7);
              t.mutable_columns(kName)->set_column_id(7);
            }),
      Table("default-of-another-type", "A text as the default of a number.", {kRefused},
            [](v1::Table& t) { t.mutable_columns(kAge)->mutable_default_value()->set_text_value("x"); }),
      Table("default-sql", "A default that is a statement: it is a text, and stays one.", {kCreated},
            [](v1::Table& t) {
              t.mutable_columns(kName)->mutable_default_value()->set_text_value("'); DROP TABLE people; --");
            }),
      Table("default-megabyte", "A default of a megabyte.", {kRefused},
            [](v1::Table& t) {
              t.mutable_columns(kName)->clear_length();
              t.mutable_columns(kName)->mutable_default_value()->set_text_value(std::string(1 << 20, 'x'));
            }),
      Whole("source-id-empty", "An announcement of nobody.", {"INVALID_ARGUMENT"},
            [](v1::TableSchemaRequest& request) { request.clear_source_id(); }),
      Whole("source-id-long", "A source id of a kilobyte.", {"INVALID_ARGUMENT"},
            [](v1::TableSchemaRequest& request) { request.set_source_id(std::string(1'024, 'x')); }),
      {"holder-long",
       "A holder of a kilobyte.",
       {"INVALID_ARGUMENT"},
       [](Target& target) {
         return OutcomeOf(target.victim().Authenticate(std::string(1'024, 'x'), false, true).status());
       }},
  };
}

}  // namespace

Theme NameAttacks() { return {"names", Together({Names, Definitions})}; }

}  // namespace mirror::harness
