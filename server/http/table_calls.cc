#include "server/http/http_calls.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "proto/wire/json_rows.h"
#include "proto/wire/key_part.h"
#include "server/http/asked_source.h"
#include "server/http/http_error.h"
#include "server/http/page_values.h"
#include "server/http/row_source.h"
#include "server/http/row_stream_source.h"
#include "server/records/json_row.h"

namespace mirror {
namespace {

constexpr char kLines[] = "application/x-ndjson";

/// Returns the columns that were asked for; a page also has those of the key.
absl::StatusOr<std::vector<std::uint32_t>> ColumnsOf(const HttpCall& call, const TableSchema& kept) {
  const std::optional<std::string> asked = call.Query("columns");
  if (!asked) return kept.AllColumns();
  std::vector<std::uint32_t> columns;
  for (const absl::string_view name : absl::StrSplit(*asked, ',')) {
    const std::optional<std::uint32_t> column = kept.Find(std::string(name));
    if (!column) {
      return absl::InvalidArgumentError(
          absl::StrCat("table '", kept.name, "' has no column '", name, "'. Nothing was read."));
    }
    if (std::find(columns.begin(), columns.end(), *column) == columns.end()) columns.push_back(*column);
  }
  return columns;
}

bool WantsLines(const HttpCall& call) {
  const std::string* const accept = call.head.Find(HttpFieldName::kAccept);
  return accept != nullptr && absl::StrContains(absl::AsciiStrToLower(*accept), kLines);
}

std::vector<std::uint32_t> WithKey(const TableSchema& kept, std::vector<std::uint32_t> columns) {
  for (const std::uint32_t part : kept.Key()) {
    if (std::find(columns.begin(), columns.end(), part) == columns.end()) columns.push_back(part);
  }
  return columns;
}

/// Reads the row with this key, if it exists.
absl::Status ReadOne(const CommittedReading& reading, const std::vector<std::uint32_t>& columns,
                     const Key& key, PageValues* values) {
  const JsonRows rows(reading.kept, columns);
  return reading.snapshot->ReadFirstRow(reading.kept, WithKey(reading.kept, columns), key,
                                        [&](RowBlock* block) -> absl::Status {
                                          const ChangeBatch batch = ViewOf(reading.kept, block);
                                          if (KeyAt(reading.kept, batch, 0) == key) {
                                            std::string value;
                                            rows.Append(batch.columns, 0, &value);
                                            values->Add(value, "");
                                          }
                                          return absl::OkStatus();
                                        });
}

/// Reads rows from a key on, or after it, as many as `values` takes.
absl::Status ReadPage(const CommittedReading& reading, const std::vector<std::uint32_t>& columns,
                      const std::optional<Key>& from, bool from_is_excluded, PageValues* values) {
  constexpr std::size_t kBlockBytes = 64 << 10;
  // The key is always read, since the next page begins there.
  const std::vector<std::uint32_t> read = WithKey(reading.kept, columns);
  const JsonRows rows(reading.kept, columns);
  std::string value;
  KeyRange range;
  if (from) range.first = *from;
  bool is_first = from_is_excluded;
  const absl::Status status = reading.snapshot->ReadRows(
      reading.kept, read, {range}, kBlockBytes, [] { return true; },
      [&](RowBlock* block) -> absl::Status {
        const ChangeBatch batch = ViewOf(reading.kept, block);
        for (std::uint32_t row = 0; row < batch.row_count; ++row) {
          if (std::exchange(is_first, false) && KeyAt(reading.kept, batch, row) == *from) continue;
          value.clear();
          rows.Append(batch.columns, row, &value);
          if (!values->Add(value, PageToken(PageKey(reading.kept, batch, row))))
            return absl::CancelledError();
        }
        return absl::OkStatus();
      });
  if (values->is_stuck()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the next page of table '", reading.kept.name,
                     "' would begin after a key that is too long for a request. Nothing was read. Ask for "
                     "all of it with 'Accept: ",
                     kLines, "'."));
  }
  return values->next() ? absl::OkStatus() : status;
}

std::string TableJson(const TableRecord& record, const TableSchema& kept, const DataSource& source) {
  JsonWriter json;
  json.Begin('{').Member("table", kept.name).Member("dataSource", source.id).Key("key").Begin('[');
  for (const std::uint32_t column : kept.Key()) json.String(kept.columns[column].name);
  json.End(']').Key("columns").Begin('[');
  for (const Column& column : kept.columns)
    json.Begin('{').Member("name", column.name).Member("type", ToString(column.type)).End('}');
  json.End(']').Key("rows");
  if (record.row_count < 0) {
    json.Null();
  } else {
    json.Number(record.row_count);
  }
  return json.Key("lsn").Number(record.position.lsn.value).End('}').Take();
}

}  // namespace

void TableCalls::AddTo(HttpRoutes* routes) {
  routes->Add("listTables", "GET", "/v4/storages/{}/records", ApiRole::kReader, HttpBody::kNone, this,
              &TableCalls::List, {"dataSource", "datasource", "limit", "startAfter"});
  routes->Add("listRecords", "GET", "/v4/storages/{}/records/{}", ApiRole::kReader, HttpBody::kNone, this,
              &TableCalls::Read, {"dataSource", "datasource", "key", "columns", "limit", "startAfter"});
}

absl::StatusOr<HttpAnswer> TableCalls::List(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  ASSIGN_OR_RETURN(const AskedSource source, FindSourceOf(storages_, call.parts[0], SourceOfQuery(call)));
  ASSIGN_OR_RETURN(std::string after, KeyOfToken(asked.start_after.value_or("")));
  PageValues values(asked.limit);
  const absl::StatusOr<std::uint64_t> total =
      source.tenant->ListCommitted(after, [&](const TableRecord& record, const TableSchema& kept) {
        return values.Add(TableJson(record, kept, source.source), PageToken(kept.name));
      });
  if (!total.ok()) return total.status();
  JsonWriter json;
  BeginPage(asked, values.next(), *total, &json);
  json.Key("values").Raw(values.Take()).End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<CommittedReading> TableCalls::ReadCommitted(const HttpCall& call, const AskedSource& source,
                                                           ReadingKind kind) {
  absl::StatusOr<CommittedReading> reading = source.tenant->ReadCommitted(call.parts[1], kind);
  if (absl::IsResourceExhausted(reading.status()))
    counters_.Limit(kind == ReadingKind::kPage ? DoorLimit::kPagesOfSource : DoorLimit::kStreamsOfSource);
  return reading;
}

absl::StatusOr<HttpAnswer> TableCalls::Stream(HttpCall& call, const AskedSource& source) {
  ASSIGN_OR_RETURN(std::shared_ptr<void> place, streams_.Take(call.key->name, source.source.tenant));
  ASSIGN_OR_RETURN(CommittedReading reading, ReadCommitted(call, source, ReadingKind::kStream));
  ASSIGN_OR_RETURN(std::vector<std::uint32_t> columns, ColumnsOf(call, reading.kept));
  ASSIGN_OR_RETURN(std::unique_ptr<HttpBodySource> rows,
                   StreamRows(std::move(reading), std::move(columns), std::move(place), counters_));
  HttpAnswer answer{.status = 200, .content_type = kLines};
  answer.stream = std::move(rows);
  return answer;
}

absl::StatusOr<HttpAnswer> TableCalls::Read(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  ASSIGN_OR_RETURN(const AskedSource source, FindSourceOf(storages_, call.parts[0], SourceOfQuery(call)));
  if (WantsLines(call)) {
    for (const std::string_view of_pages : {"key", "limit", "startAfter"}) {
      if (!call.Query(of_pages)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("a request for lines reads the whole table, and '", std::string(of_pages),
                       "' is for pages. Nothing was read. Leave it out, or the header 'Accept'."));
    }
    return Stream(call, source);
  }
  ASSIGN_OR_RETURN(CommittedReading reading, ReadCommitted(call, source, ReadingKind::kPage));
  ASSIGN_OR_RETURN(const std::vector<std::uint32_t> columns, ColumnsOf(call, reading.kept));
  if (reading.kept.Key().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", reading.kept.name,
        "' has no key, and so no pages. Nothing was read. Ask for all of it with 'Accept: ", kLines, "'."));
  }
  std::optional<Key> from;
  const std::optional<std::string> one = call.Query("key");
  if (one || asked.start_after) {
    ASSIGN_OR_RETURN(const std::string text, one ? *one : KeyOfToken(*asked.start_after));
    ASSIGN_OR_RETURN(from, KeyOfPage(reading.kept, text));
  }
  PageValues values(asked.limit);
  std::uint64_t total = static_cast<std::uint64_t>(std::max<std::int64_t>(0, reading.record.row_count));
  absl::Status read;
  if (one) {
    read = ReadOne(reading, columns, *from, &values);
    total = values.count();
  } else {
    read = ReadPage(reading, columns, from, asked.start_after.has_value(), &values);
  }
  RETURN_IF_ERROR(read);
  JsonWriter json;
  BeginPage(asked, values.next(), total, &json);
  json.Key("lsn").Number(reading.record.position.lsn.value);
  json.Key("values").Raw(values.Take()).End('}');
  counters_.pages.Add();
  counters_.page_rows.Add(values.count());
  return JsonAnswer(std::move(json));
}

}  // namespace mirror
