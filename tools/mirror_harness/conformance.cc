#include "tools/mirror_harness/conformance.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/wire/connect.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "proto/wire/codec.h"

namespace mirror::harness {
namespace {

constexpr char kHolder[] = "conformance";
constexpr std::chrono::seconds kPatience(60);

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

template <typename T>
T Must(absl::StatusOr<T> answer, const std::string& call) {
  if (!answer.ok()) throw Unmet{absl::StrCat(call, " was refused: ", answer.status().ToString())};
  return *std::move(answer);
}

void Append(const Sent& value, ColumnBuffer* column) {
  if (std::holds_alternative<Null>(value)) column->AppendNull();
  if (const auto* integer = std::get_if<std::int64_t>(&value)) column->AppendInt(*integer);
  if (const auto* real = std::get_if<double>(&value)) column->AppendDouble(*real);
  if (const auto* text = std::get_if<std::string>(&value)) column->AppendBytes(*text, Kind::kText);
  if (const auto* bytes = std::get_if<Bytes>(&value)) column->AppendBytes(bytes->value, Kind::kBlob);
  if (const auto* raw = std::get_if<RawText>(&value)) column->AppendBytes(raw->value, Kind::kRawText);
}

Sent Take(const Value& value) {
  switch (value.kind) {
    case Kind::kNull:
      return Null{};
    case Kind::kInteger:
      return value.integer;
    case Kind::kReal:
      return value.real;
    case Kind::kText:
      return std::string(value.bytes);
    case Kind::kBlob:
      return Bytes{std::string(value.bytes)};
    case Kind::kRawText:
      break;
  }
  return RawText{std::string(value.bytes)};
}

std::vector<std::uint32_t> IndexesOf(const TableSchema& table, const std::vector<std::string>& names) {
  std::vector<std::uint32_t> indexes;
  for (const std::string& name : names) indexes.push_back(table.Find(name).value());
  if (!names.empty()) return indexes;
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) indexes.push_back(i);
  return indexes;
}

std::string Shown(const Sent& value) {
  if (std::holds_alternative<Null>(value)) return "NULL";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return absl::StrCat(*integer);
  if (const auto* real = std::get_if<double>(&value)) return absl::StrCat(*real);
  constexpr std::size_t kShown = 40;
  if (const auto* text = std::get_if<std::string>(&value))
    return absl::StrCat("'", text->substr(0, kShown), "'");
  if (const auto* bytes = std::get_if<Bytes>(&value)) return absl::StrCat(bytes->value.size(), " bytes");
  return absl::StrCat("raw text of ", std::get<RawText>(value).value.size(), " bytes");
}

absl::Status FromRpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace

Exam::Exam(Connection connection, std::string context_id)
    : connection_(connection),
      source_(std::make_unique<MirrorClient>(connection.line->Channel(), connection.identity,
                                             std::move(context_id)),
              "conformance") {}

TokenParts Exam::Parts(TokenUse use) const {
  TokenParts parts =
      GoodParts(*identity().key, use, identity().issuer, identity().application_id, context_id());
  parts.context_claim = identity().context_claim;
  return parts;
}

absl::Status Exam::AuthenticateWith(const std::string& token) {
  v1::AuthenticateRequest request;
  request.set_request_token(token);
  request.set_holder(kHolder);
  request.set_take_over(true);
  v1::AuthenticateResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  return FromRpc(v1::MirrorClientService::NewStub(connection_.line->Channel())
                     ->Authenticate(&context, request, &response));
}

absl::Status Exam::TableSchemaWith(const std::vector<std::string>& authorizations) {
  v1::TableSchemaResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  for (const std::string& value : authorizations) context.AddMetadata("authorization", value);
  const v1::TableSchemaRequest request = Announcement({ExamPeople()});
  return FromRpc(v1::MirrorClientService::NewStub(connection_.line->Channel())
                     ->TableSchema(&context, request, &response));
}

v1::AuthenticateResponse Exam::Authenticate(const std::string& holder, bool take_over, bool probe) {
  return Must(source_.Authenticate(holder, take_over, probe), "Authenticate");
}

v1::AuthenticateResponse Exam::Begin() {
  v1::AuthenticateResponse answer = Authenticate(kHolder, true, false);
  // The examination of an earlier requirement may have left a cycle open.
  if (answer.has_busy()) answer = Authenticate(answer.busy().holder(), true, false);
  Expect(answer.accepted(), absl::StrCat("no cycle began: ", answer.reason()));
  return answer;
}

std::vector<v1::TableStatus> Exam::Announce(const std::vector<TableSchema>& tables) {
  const v1::TableSchemaResponse answer = Must(source_.Announce(tables), "TableSchema");
  Expect(static_cast<std::size_t>(answer.tables_size()) == tables.size(),
         absl::StrCat(answer.tables_size(), " answers to ", tables.size(), " tables"));
  return {answer.tables().begin(), answer.tables().end()};
}

std::vector<v1::TableVerdict> Exam::Complete(const std::vector<v1::TableSummary>& tables) {
  const v1::ReplicationCompletedResponse answer = Must(source_.Complete(tables), "ReplicationCompleted");
  Expect(static_cast<std::size_t>(answer.tables_size()) == tables.size(),
         absl::StrCat(answer.tables_size(), " verdicts for ", tables.size(), " tables"));
  return {answer.tables().begin(), answer.tables().end()};
}

v1::Position Exam::NextPosition() {
  v1::Position position;
  position.set_lsn(++lsn_);
  position.set_lineage(absl::StrCat("line ", lsn_));
  return position;
}

v1::ChangeBatch Exam::Batch(const TableSchema& table, const v1::TableStatus& status, v1::Operation operation,
                            const SentRows& rows, const std::vector<std::string>& columns) {
  v1::ChangeBatch batch = BatchAt(table.name, status, 1, NextPosition(), operation);
  if (rows.empty()) return batch;
  const auto fill = [&rows](RowBlock* block) {
    for (const SentRow& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) Append(row[i], &block->columns[i]);
    }
  };
  FillBatch(table, IndexesOf(table, columns), fill, &batch);
  return batch;
}

v1::ChangeBatch Exam::Population(const TableSchema& table, const v1::TableStatus& status,
                                 const SentRows& rows) {
  v1::ChangeBatch batch = Batch(table, status, v1::OPERATION_INSERT, rows);
  batch.set_base_lsn(-1);
  batch.set_populate(v1::POPULATE_REASON_REQUESTED);
  AddCommit(&batch);
  return batch;
}

v1::BatchResult Exam::Send(const v1::ChangeBatch& batch) {
  const v1::RowDataResponse answer = Must(client().RowData(Request({batch})), "RowData");
  Expect(answer.results_size() == 1, absl::StrCat(answer.results_size(), " results for one batch"));
  Expect(answer.results(0).table() == batch.table() && answer.results(0).seq() == batch.seq(),
         "the result is for another batch");
  return answer.results(0);
}

v1::BatchResult Exam::Apply(const v1::ChangeBatch& batch) {
  v1::BatchResult result = Send(batch);
  ExpectResult(result, absl::StatusCode::kOk, "a good batch");
  return result;
}

v1::Position Exam::Fill(const TableSchema& table, const SentRows& rows) {
  Begin();
  const v1::ChangeBatch batch = Population(table, Announce(table), rows);
  Apply(batch);
  Complete();
  return batch.target();
}

v1::TableStatus Exam::Filled(const TableSchema& table, const SentRows& rows) {
  Fill(table, rows);
  Begin();
  return Announce(table);
}

bool Exam::IsRefused(const TableSchema& table) {
  Begin();
  const v1::TableStatus status = Announce(table);
  if (status.action() != v1::TABLE_ACTION_REFUSED) return false;
  Expect(!status.reason().empty(), "it is refused without a reason");
  return true;
}

SentRows Exam::Read(const TableSchema& table, const v1::Position& position,
                    const std::vector<v1::KeyRange>& ranges, const std::vector<std::string>& columns) {
  v1::ReadRowsRequest request;
  request.set_cycle(cycle());
  request.set_table(table.name);
  *request.mutable_position() = position;
  for (const v1::KeyRange& range : ranges) *request.add_ranges() = range;
  for (const std::uint32_t index : IndexesOf(table, columns)) request.add_columns(index);
  SentRows rows;
  const absl::Status read = client().ReadRows(request, [&](const v1::ReadRowsResponse& answer) {
    ASSIGN_OR_RETURN(const ReadRowsView view, DecodeRows(answer, table, WireLimits{}));
    if (static_cast<int>(view.columns.size()) != request.columns_size()) {
      return absl::InternalError("ReadRows returns other columns than requested");
    }
    for (std::uint32_t row = 0; row < view.row_count; ++row) {
      SentRow& sent = rows.emplace_back();
      for (const ColumnView& column : view.columns) sent.push_back(Take(column.At(row)));
    }
    return absl::OkStatus();
  });
  if (!read.ok()) throw Unmet{absl::StrCat("ReadRows was refused: ", read.ToString())};
  return rows;
}

std::vector<RangeDigest> Exam::Digests(const TableSchema& table, const v1::Position& position,
                                       const std::vector<v1::KeyRange>& ranges) {
  v1::DigestRangesRequest request;
  request.set_cycle(cycle());
  request.set_table(table.name);
  *request.mutable_position() = position;
  for (const v1::KeyRange& range : ranges) *request.add_ranges() = range;
  const v1::DigestRangesResponse answer = Must(client().DigestRanges(request), "DigestRanges");
  std::vector<RangeDigest> digests;
  for (const auto& digest : answer.digests()) digests.push_back({digest.row_count(), digest.digest()});
  Expect(digests.size() == std::max<std::size_t>(1, ranges.size()),
         "DigestRanges returns another number of ranges");
  return digests;
}

void Expect(bool met, const std::string& why) {
  if (!met) throw Unmet{why};
}

void ExpectStatus(const absl::Status& status, absl::StatusCode wanted, const std::string& what) {
  if (status.code() == wanted) return;
  throw Unmet{absl::StrCat(what, ": expected ", CodeName(wanted), ", got ", CodeName(status.code()),
                           status.ok() ? "" : ": ", std::string(status.message()))};
}

void ExpectResult(const v1::BatchResult& result, absl::StatusCode wanted, const std::string& what) {
  ExpectStatus(StatusOf(result), wanted, what);
}

std::string Shown(const SentRows& rows) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < rows.size() && i < kShown; ++i) {
    absl::StrAppend(&text, i == 0 ? "(" : " (");
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      absl::StrAppend(&text, j == 0 ? "" : ", ", Shown(rows[i][j]));
    absl::StrAppend(&text, ")");
  }
  return absl::StrCat(rows.size(), " rows ", text, rows.size() > kShown ? " ..." : "");
}

void ExpectRows(const SentRows& got, const SentRows& wanted) {
  Expect(got == wanted, absl::StrCat("the mirror holds ", Shown(got), "; it should hold ", Shown(wanted)));
}

RangeDigest DigestOf(const TableSchema& table, const SentRows& rows) {
  RangeDigest sum;
  RowDigest digest;
  for (const SentRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Sent& value = row[i];
      if (std::holds_alternative<Null>(value)) digest.AddNull();
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        Expect(table.columns[i].type < Type::kDate || table.columns[i].type == Type::kAny,
               "this examination cannot make the text form of a date or time");
        digest.AddInteger(*integer);
      }
      if (const auto* real = std::get_if<double>(&value)) digest.AddReal(*real);
      if (const auto* text = std::get_if<std::string>(&value)) digest.AddText(*text);
      if (const auto* bytes = std::get_if<Bytes>(&value)) digest.AddBytes(bytes->value);
    }
    sum.Add(digest.Finish());
  }
  return sum;
}

Column ExamColumn(std::string name, Type type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.nullable = true;
  if (type == Type::kDecimal) column.precision = 38, column.scale = 10;
  if (type >= Type::kTime && type <= Type::kTimestampTz) column.precision = 7;
  if (type == Type::kAny) column.affinity = Affinity::kBlob;
  return column;
}

Column ExamKey(std::string name, Type type, std::uint32_t position) {
  Column column = ExamColumn(std::move(name), type);
  column.nullable = false;
  column.key_position = position;
  return column;
}

TableSchema ExamTable(std::string name, std::vector<Column> columns) {
  TableSchema table;
  table.name = std::move(name);
  table.columns = std::move(columns);
  return table;
}

TableSchema ExamPeople(std::string name) {
  return ExamTable(std::move(name), {ExamKey("id", Type::kInt64), ExamColumn("name", Type::kText),
                                     ExamColumn("age", Type::kInt32)});
}

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

const char* NameOf(Verdict verdict) {
  return verdict == Verdict::kPass ? "pass" : verdict == Verdict::kFail ? "fail" : "skipped";
}

}  // namespace

std::vector<Requirement> Together(std::initializer_list<std::vector<Requirement> (*)()> parts) {
  std::vector<Requirement> all;
  for (const auto part : parts) {
    for (Requirement& requirement : part()) all.push_back(std::move(requirement));
  }
  return all;
}

std::vector<Requirement> AllRequirements() {
  return Together({HandshakeRequirements, TableRequirements, BatchRequirements, PositionRequirements,
                   CycleRequirements, EqualityRequirements, TypeRequirements, SchemaChangeRequirements,
                   LimitRequirements, ReceiptRequirements});
}

std::size_t ConformanceReport::Count(Verdict verdict) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

Finding Examine(const Requirement& requirement, Exam* exam) {
  Finding finding{requirement.id, requirement.sentence, requirement.section, Verdict::kPass, "", 0};
  const Clock::time_point begin = Clock::now();
  try {
    requirement.examine(*exam);
  } catch (const Unmet& unmet) {
    finding.verdict = Verdict::kFail;
    finding.reason = unmet.why;
  } catch (const NotExamined& not_examined) {
    finding.verdict = Verdict::kSkipped;
    finding.reason = not_examined.why;
  } catch (const std::exception& error) {  // The endpoint gave an answer that this program cannot handle.
    finding.verdict = Verdict::kFail;
    finding.reason = absl::StrCat("the endpoint's answer could not be read: ", error.what());
  }
  finding.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return finding;
}

absl::StatusOr<ConformanceReport> RunConformance(const Options& options, AgentConfig config,
                                                 const std::string& context_id) {
  config.endpoint.address = options.target;
  ASSIGN_OR_RETURN(Connection connection, Connect(config));
  ConformanceReport report;
  report.target = options.target;
  // A new tenant is used, because the data of an existing tenant must not change.
  report.context_id = options.context_id.empty()
                          ? absl::StrCat(context_id, "-conformance-",
                                         absl::Hex(std::chrono::system_clock::now().time_since_epoch() /
                                                   std::chrono::milliseconds(1)))
                          : options.context_id;
  RETURN_IF_ERROR(CheckContextId(report.context_id));
  Exam exam(std::move(connection), report.context_id);
  // Number of attempts to connect. An endpoint that is not reachable is no finding about the protocol, and on
  // a busy machine the first handshakes may fail.
  constexpr int kTries = 5;
  absl::StatusOr<v1::AuthenticateResponse> first = absl::UnavailableError("");
  for (int i = 0; i < kTries && absl::IsUnavailable(first.status()); ++i) {
    first = exam.client().Authenticate("conformance", true, false);
  }
  if (absl::IsUnavailable(first.status()) || absl::IsDeadlineExceeded(first.status())) return first.status();
  if (first.ok()) report.server_version = first->server_version();
  for (const Requirement& requirement : AllRequirements())
    report.findings.push_back(Examine(requirement, &exam));
  return report;
}

std::string ConformanceText(const ConformanceReport& report) {
  std::string text = absl::StrCat("endpoint ", report.target, ", version ", report.server_version,
                                  ", tenant ", report.context_id, "\n");
  for (const Finding& finding : report.findings) {
    absl::StrAppend(&text, NameOf(finding.verdict), "  ", finding.id, "  ", finding.sentence, " [",
                    finding.section, "]\n");
    if (!finding.reason.empty()) absl::StrAppend(&text, "      ", finding.reason, "\n");
  }
  return absl::StrCat(text, report.Count(Verdict::kPass), " passed, ", report.Count(Verdict::kFail),
                      " failed, ", report.Count(Verdict::kSkipped), " skipped of ", report.findings.size(),
                      " requirements\n");
}

std::string ConformanceJson(const ConformanceReport& report) {
  Json json = {{"target", report.target},
               {"context_id", report.context_id},
               {"server_version", report.server_version},
               {"good", report.good()},
               {"passed", report.Count(Verdict::kPass)},
               {"failed", report.Count(Verdict::kFail)},
               {"skipped", report.Count(Verdict::kSkipped)}};
  json["requirements"] = Json::array();
  for (const Finding& finding : report.findings) {
    json["requirements"].push_back({{"id", finding.id},
                                    {"sentence", finding.sentence},
                                    {"section", finding.section},
                                    {"verdict", NameOf(finding.verdict)},
                                    {"reason", finding.reason},
                                    {"seconds", finding.seconds}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mirror::harness
