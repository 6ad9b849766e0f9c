// Attacks by names that have a meaning for a file system, SQL or the mirror itself, and by invalid tables.
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Change = std::function<void(v1::TableSchemaRequest&)>;

/// Announces a changed table and returns its result. The victim's own table is announced before it, so that
/// it is not dropped.
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
  // A refusal without a reason does not help its reader.
  if (refused && last.reason().empty()) outcome.fault = "refused without a reason";
  // The cycle continues with the tables that were agreed before.
  const absl::Status back = target.victim().TableSchema(target.Announcement()).status();
  if (!back.ok() && outcome.fault.empty()) outcome.fault = std::string(back.message());
  return outcome;
}

Attack::Run Whole(Change change) {
  return [change = std::move(change)](Target& target) { return Announce(target, change); };
}

Attack::Run Table(std::function<void(v1::Table&)> change) {
  return Whole([change = std::move(change)](v1::TableSchemaRequest& request) {
    change(*request.mutable_tables(request.tables_size() - 1));
  });
}

Attack::Run TableName(const std::string& name) {
  return Table([name](v1::Table& announced) { announced.set_name(name); });
}

Attack::Run ChangedColumn(VictimColumn column, std::function<void(v1::Column&)> change) {
  return Table([column, change = std::move(change)](v1::Table& announced) {
    change(*announced.mutable_columns(column));
  });
}

Attack::Run ColumnName(const std::string& name) {
  return ChangedColumn(kAge, [name](v1::Column& column) { column.set_name(name); });
}

std::vector<Attack> Names() {
  return {
      {"table-path", "A table called '../x', which is a name and not a path.", kCreated, TableName("../x")},
      {"table-absolute-path", "A table called '/etc/passwd'.", kCreated, TableName("/etc/passwd")},
      {"table-sql", "A table whose name ends a quoted name and drops a table.", kCreated,
       TableName("a\";DROP TABLE people;--")},
      {"table-quotes", "A table called '\"\"'.", kCreated, TableName("\"\"")},
      {"table-percent", "A table called '%n%s%x', for programs that print names as formats.", kCreated,
       TableName("%n%s%x")},
      {"table-128-characters",
       "The longest name, of characters of four bytes: more bytes than PostgreSQL allows for a name.",
       "CREATED|REFUSED", TableName([] {
         std::string name;
         for (int i = 0; i < 128; ++i) name += "\xF0\x9F\x98\x80";
         return name;
       }())},
      {"table-200-characters", "A name of 200 characters.", kRefused, TableName(std::string(200, 'x'))},
      {"table-megabyte", "A name of a megabyte.", kRefused, TableName(std::string(1 << 20, 'x'))},
      {"table-empty", "A name without a character.", kRefused, TableName("")},
      {"table-nul", "A name with NUL in it.", kRefused, TableName(std::string("peo\0ple", 7))},
      {"table-sqlite", "A name that SQLite reserves and PostgreSQL does not.", "CREATED|REFUSED",
       TableName("sqlite_schema")},
      {"table-sqlite-case", "The same in capitals.", "CREATED|REFUSED", TableName("SQLITE_x")},
      {"table-mirror", "A table of the mirror's own.", kRefused, TableName("_mirror_tenant")},
      {"table-mirror-case", "The same in other letter case.", kRefused, TableName("_MIRROR_nonces")},
      {"table-metadata", "The metadata table, '<context id>_mirroring'.", kRefused,
       [](Target& target) {
         return Announce(target, [&](v1::TableSchemaRequest& request) {
           request.mutable_tables(1)->set_name(target.Tenant("victim") + "_mirroring");
         });
       }},
      {"table-twice", "Two tables whose names differ in letter case only.", kRefused,
       Whole([](auto& request) {
         *request.add_tables() = request.tables(1);
         request.mutable_tables(2)->set_name("HOSTILE");
       })},
      {"column-path", "A column called '../x'.", kCreated, ColumnName("../x")},
      {"column-sql", "A column whose name ends the definition.", kCreated,
       ColumnName("x\" INTEGER); DROP TABLE people; --")},
      {"column-rowid", "A column called 'rowid', which has a meaning of its own in SQLite.", kCreated,
       ColumnName("rowid")},
      {"column-200-characters", "A column's name of 200 characters.", kRefused,
       ColumnName(std::string(200, 'x'))},
      {"column-nul", "A column's name with NUL in it.", kRefused, ColumnName(std::string("a\0b", 3))},
      {"column-empty", "A column without a name.", kRefused, ColumnName("")},
      {"column-twice", "Two columns whose names differ in letter case only.", kRefused, ColumnName("NAME")},
  };
}

std::vector<Attack> Definitions() {
  return {
      {"no-columns", "A table without a column.", kRefused, Table([](auto& t) { t.clear_columns(); })},
      {"columns-3000", "A table of 3,000 columns.", kRefused, Table([](auto& t) {
         for (int i = 0; i < 3'000; ++i) {
           v1::Column* column = t.add_columns();
           column->set_name(absl::StrCat("c", i));
           column->set_type(v1::TYPE_INT32);
           column->set_nullable(true);
         }
       })},
      {"type-unknown", "A type that does not exist.", kRefused,
       ChangedColumn(kAge, [](auto& c) { c.set_type(static_cast<v1::Type>(99)); })},
      {"type-unspecified", "A column without a type.", kRefused,
       ChangedColumn(kAge, [](auto& c) { c.clear_type(); })},
      {"precision-huge", "A DECIMAL of four thousand million digits.", kRefused,
       ChangedColumn(kPrice, [](auto& c) { c.set_precision(4'000'000'000U); })},
      {"scale-over-precision", "A DECIMAL whose scale is larger than its precision.", kRefused,
       ChangedColumn(kPrice, [](auto& c) { c.set_scale(11); })},
      {"key-gap", "Key positions 1 and 3.", kRefused,
       ChangedColumn(kAge,
                     [](auto& c) {
                       c.set_key_position(3);
                       c.set_nullable(false);
                     })},
      {"key-twice", "Two columns at the key's first position.", kRefused,
       ChangedColumn(kAge,
                     [](auto& c) {
                       c.set_key_position(1);
                       c.set_nullable(false);
                     })},
      {"key-nullable", "A key that may be NULL.", kRefused,
       ChangedColumn(kId, [](auto& c) { c.set_nullable(true); })},
      {"column-id-twice", "Two columns with one id.", kRefused, Table([](auto& t) {
         t.mutable_columns(kAge)->set_column_id(7);
         t.mutable_columns(kName)->set_column_id(7);
       })},
      {"default-of-another-type", "A text as the default of a number.", kRefused,
       ChangedColumn(kAge, [](auto& c) { c.mutable_default_value()->set_text_value("x"); })},
      {"default-sql", "A default that looks like a statement: it stays a text.", kCreated,
       ChangedColumn(
           kName, [](auto& c) { c.mutable_default_value()->set_text_value("'); DROP TABLE people; --"); })},
      {"default-megabyte", "A default of a megabyte.", kRefused,
       ChangedColumn(kName,
                     [](auto& c) {
                       c.clear_length();
                       c.mutable_default_value()->set_text_value(std::string(1 << 20, 'x'));
                     })},
      {"source-id-empty", "An announcement without a source id.", "INVALID_ARGUMENT",
       Whole([](auto& request) { request.clear_source_id(); })},
      {"source-id-long", "A source id of a kilobyte.", "INVALID_ARGUMENT",
       Whole([](auto& request) { request.set_source_id(std::string(1'024, 'x')); })},
      {"holder-long", "A holder of a kilobyte.", "INVALID_ARGUMENT",
       [](Target& target) {
         return OutcomeOf(target.victim().Authenticate(std::string(1'024, 'x'), false, true).status());
       }},
  };
}

}  // namespace

Theme NameAttacks() { return {"names", Together({Names, Definitions})}; }

}  // namespace mirror::harness
