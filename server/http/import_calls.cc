#include "server/http/http_calls.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/http/message.h"
#include "base/http/multipart.h"
#include "base/iso_time.h"
#include "base/nonce.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "server/http/asked_source.h"
#include "server/http/http_call.h"
#include "server/http/http_error.h"
#include "server/http/page_values.h"
#include "server/jobs/rejects.h"
#include "server/jobs/uploads.h"
#include "server/tenant/kept_rejects.h"
#include "server/tenant/records_calls.h"
#include "server/tenant/records_planner.h"

namespace mirror {

/// Opens the file at the first byte, on a thread that may wait for the disk.
class LateSink final : public HttpBodySink {
 public:
  using Open = std::function<absl::StatusOr<std::shared_ptr<Uploads::Sink>>()>;
  explicit LateSink(Open open) : open_(std::move(open)) {}

  absl::Status Write(std::string_view piece) override {
    RETURN_IF_ERROR(Begin());
    return sink_->Write(piece);
  }
  /// Opens the file also for a body without a byte.
  absl::Status Finish(std::int64_t now_ms) {
    RETURN_IF_ERROR(Begin());
    return sink_->Finish(now_ms);
  }
  std::string Hash() { return sink_->Hash(); }

 private:
  absl::Status Begin() {
    if (sink_) return absl::OkStatus();
    ASSIGN_OR_RETURN(sink_, open_());
    return absl::OkStatus();
  }

  const Open open_;
  std::shared_ptr<Uploads::Sink> sink_;
};

namespace {

constexpr char kUpdatesFeature[] = "UPSERT_BY_EXTERNAL_ID";
constexpr char kFilesPath[] = "/files/";
constexpr char kJobsPath[] = "/jobs/importjobs";
constexpr std::size_t kUploadNameMax = 255;
/// Limit for a form without its file.
constexpr std::uint64_t kFormBytesMax = 4 << 20;

absl::Status NoJob(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("there is no import job '", id, "'. Nothing was done."));
}

absl::Status NoUpload() {
  return absl::InvalidArgumentError(
      "there is no complete upload at this 'url', and files of other addresses are not read. Nothing was "
      "started. Send the file by POST /files/upload first, and give the 'url' of its answer.");
}

/// Returns the job's id from the answer that names it.
std::string JobIdIn(const std::string& answer) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(answer);
  return document.ok() ? std::string(document->root().TextOf("id")) : std::string();
}

HttpAdmission Refused(const absl::Status& status) {
  HttpAdmission admission;
  admission.refusal = ErrorAnswer(status);
  return admission;
}

/// Returns the storage of a data source of records.
std::string StorageOfTenant(const std::string& tenant) { return tenant.substr(0, tenant.find("--")); }

/// Returns the path after "https://host" in a URL; empty: it has none.
std::string_view PathOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  if (url.substr(0, scheme) != "https" && url.substr(0, scheme) != "http") return "";
  const std::size_t path = url.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view() : url.substr(path);
}

/// Returns the upload that a URL of ours names; empty: it names none. Without a public URL the server may be
/// reached by several addresses, but its paths are its own.
std::string UploadOf(const std::string& url, const HttpConfig& config) {
  std::string_view path = url;
  if (!url.starts_with('/') && config.public_url.empty()) path = PathOf(url);
  if (!config.public_url.empty() && url.starts_with(config.public_url))
    path.remove_prefix(config.public_url.size());
  for (const std::string& base : config.base_paths) {
    const std::string begin = absl::StrCat(base, kFilesPath);
    if (!path.starts_with(begin)) continue;
    const std::string_view rest = path.substr(begin.size());
    const std::size_t end = rest.find('/');
    // After the id comes the file's name, and nothing else.
    if (end == 0 || end == std::string_view::npos) continue;
    if (end + 1 == rest.size() || rest.find_first_of("/?#", end + 1) != std::string_view::npos) continue;
    return std::string(rest.substr(0, end));
  }
  return "";
}

/// Returns the upload of another server that a URL names, which this one cannot check; empty: it names none.
std::string UploadElsewhere(const std::string& url, const std::string& here) {
  const std::size_t at = PathOf(url).rfind(kFilesPath);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = PathOf(url).substr(at + sizeof(kFilesPath) - 1);
  std::string id(rest.substr(0, rest.find('/')));
  return FolderOfUpload(id).empty() || FolderOfUpload(id) == here ? "" : id;
}

std::string ScheduledJson(const ImportJob& job, const Warnings& warnings) {
  JsonWriter json;
  json.Begin('{').Member("id", job.id).Member("progress", std::uint64_t{0}).Member("status", "SCHEDULED");
  warnings.WriteTo(&json);
  return json.End('}').Take();
}

/// `failures`: a JSON array; empty: left out.
std::string JobJson(const ImportJob& job, const std::string& failures) {
  JsonWriter json;
  json.Begin('{')
      .Member("id", job.id)
      .Member("storageId", job.storage)
      .Member("dataSource", job.source)
      .Member("progress", job.progress)
      .Member("status", ToString(job.state))
      .Member("statusMessage", job.message)
      .Member("numberOfAccepted", job.inserts + job.updates)
      .Member("numberOfInserts", job.inserts)
      .Member("numberOfUpdates", job.updates)
      .Member("numberOfUnchanged", job.unchanged)
      .Member("numberOfFailed", job.failed);
  if (!failures.empty()) json.Key("failures").Raw(failures);
  return json.Member("createdAt", Iso8601(job.created_ms))
      .Member("modifiedAt", Iso8601(job.modified_ms))
      .End('}')
      .Take();
}

/// Checks the texts of a form: answers, warnings and documents quote them.
absl::Status CheckTexts(const MultipartForm& form) {
  for (const auto& [name, value] : form.fields) {
    if (IsText(value)) continue;
    return absl::InvalidArgumentError(absl::StrCat("the value of '", std::string(CutUtf8(name, 64)),
                                                   "' is not UTF-8. Nothing was started."));
  }
  return absl::OkStatus();
}

/// Returns the name as one segment of a path.
std::string Escaped(const std::string& name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_' || c == '.') {
      escaped.push_back(c);
    } else {
      escaped.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
    }
  }
  return escaped;
}

/// The wishes in the fields of a form.
struct AskedJob {
  std::string storage, source, mapper, url;
  bool updates_known = false;
  bool names_two_sources = false;
  Warnings warnings;
};

AskedJob AskedBy(const MultipartForm& form) {
  AskedJob asked;
  for (const auto& [name, value] : form.fields) {
    if (name == "storageId") {
      asked.storage = value;
    } else if (name == "dataSource" || name == "datasource") {
      asked.names_two_sources = !asked.source.empty() && asked.source != value;
      asked.source = value;
    } else if (name == "dataMapperDefinitionId") {
      asked.mapper = value;
    } else if (name == "url") {
      asked.url = value;
    } else if (name != "featuresOn") {
      asked.warnings.AddMember(name);
    } else {
      // Accepts a JSON list, too: no feature has one of these characters.
      for (const absl::string_view feature :
           absl::StrSplit(value, absl::ByAnyChar(",[]\""), absl::SkipWhitespace())) {
        const std::string trimmed(absl::StripAsciiWhitespace(feature));
        if (trimmed == kUpdatesFeature) {
          asked.updates_known = true;
        } else {
          asked.warnings.AddFeature(trimmed);
        }
      }
    }
  }
  return asked;
}

}  // namespace

std::string LinkBaseOf(const HttpConfig& config) {
  const std::vector<std::string>& bases = config.base_paths;
  const bool has_root = std::find(bases.begin(), bases.end(), "") != bases.end();
  return has_root || bases.empty() ? "" : bases.front();
}

struct ImportCalls::Coming {
  std::shared_ptr<MultipartForm> form = std::make_shared<MultipartForm>();
  std::shared_ptr<LateSink> file;
  std::string upload;  ///< Id of the upload, once the file is open.
};

void ImportCalls::AddTo(HttpRoutes* routes) {
  routes->Add("requestUpload", "POST", "/files/upload", ApiRole::kWriter, HttpBody::kJson, this,
              &ImportCalls::RequestUpload);
  routes->Add({.name = "uploadFile",
               .method = "PUT",
               .path = "/files/upload/{}",
               .role = std::nullopt,
               .body = HttpBody::kStreamed,
               .admit = [this](const std::shared_ptr<HttpCall>& call) { return AdmitUpload(call); }});
  routes->Add({.name = "startImportJob",
               .method = "POST",
               .path = kJobsPath,
               .role = ApiRole::kWriter,
               .body = HttpBody::kStreamed,
               .admit = [this](const std::shared_ptr<HttpCall>& call) { return AdmitJob(call); }});
  routes->Add("listImportJobs", "GET", kJobsPath, ApiRole::kReader, HttpBody::kNone, this,
              &ImportCalls::ListJobs, {"limit", "startAfter"});
  routes->Add("getImportJob", "GET", "/jobs/importjobs/{}", ApiRole::kReader, HttpBody::kNone, this,
              &ImportCalls::GetJob);
  routes->Add("getImportJobRejects", "GET", "/jobs/importjobs/{}/rejects", ApiRole::kReader, HttpBody::kNone,
              this, &ImportCalls::GetRejects);
  routes->Add("cancelImportJob", "POST", "/jobs/importjobs/{}/cancel", ApiRole::kWriter, HttpBody::kNone,
              this, &ImportCalls::CancelJob);
}

std::string ImportCalls::UrlOf(const HttpCall& call) const {
  if (!own_url_.empty()) return own_url_;
  const std::string* const host = call.head.Find(HttpFieldName::kHost);
  return absl::StrCat(config_.plaintext ? "http://" : "https://", host == nullptr ? "" : *host,
                      LinkBaseOf(config_));
}

absl::StatusOr<HttpAnswer> ImportCalls::RequestUpload(HttpCall& call) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  Warnings warnings;
  warnings.AddUnknown(body.root(), {"url"});
  ASSIGN_OR_RETURN(const std::optional<std::string> name, TextMember(body.root(), "url"));
  if (!name || name->empty() || name->size() > kUploadNameMax) {
    return absl::InvalidArgumentError(absl::StrCat("an upload needs the file's name as 'url', 1 to ",
                                                   kUploadNameMax, " bytes. Nothing was done."));
  }
  const absl::StatusOr<Uploads::Upload> upload = uploads_.Expect(call.key->name, *name, call.now_ms);
  audit_.Add(call, "request upload", upload.status());
  if (!upload.ok()) return upload.status();
  const std::string url = UrlOf(call);
  JsonWriter json;
  json.Begin('{')
      .Member("uploadLink", absl::StrCat(url, "/files/upload/", upload->secret))
      .Member("uploadMethod", "PUT")
      .Member("expiresAt", Iso8601(call.now_ms + std::chrono::milliseconds(config_.upload_kept).count()))
      .Member("url", absl::StrCat(url, kFilesPath, upload->id, "/", Escaped(*name)));
  warnings.WriteTo(&json);
  json.End('}');
  return JsonAnswer(std::move(json));
}

HttpAdmission ImportCalls::AdmitUpload(const std::shared_ptr<HttpCall>& call) {
  const std::string secret = call->parts[0];
  // A client without a link gets its answer before it sends a file, and holds nothing meanwhile.
  const absl::StatusOr<std::string> key = uploads_.Expects(secret, call->now_ms);
  if (!key.ok()) return Refused(key.status());
  auto sink =
      std::make_shared<LateSink>([this, secret, call] { return uploads_.Receive(secret, call->now_ms); });
  HttpAdmission admission;
  admission.body_bytes_max = config_.upload_limit;
  admission.sink = sink;  // The call reads its result.
  admission.answer = [this, sink, key = *key](const HttpHead&, const std::string&) {
    const absl::Status finished = sink->Finish(SharedNowMs());
    audit_.AddUpload(key, finished);
    return finished.ok() ? HttpAnswer{.status = 200} : ErrorAnswer(finished);
  };
  return admission;
}

HttpAdmission ImportCalls::AdmitJob(const std::shared_ptr<HttpCall>& call) {
  const std::string* const type = call->head.Find(HttpFieldName::kContentType);
  const absl::StatusOr<std::string> boundary = MultipartBoundary(type == nullptr ? "" : *type);
  if (!boundary.ok()) return Refused(boundary.status());
  if (call->head.content_length.value_or(0) > config_.file_limit + kFormBytesMax) {
    HttpAdmission admission;
    admission.refusal =
        ErrorAnswer(413, "OUT_OF_RANGE",
                    absl::StrCat("the file is larger than ", config_.file_limit / 1'000'000,
                                 " MB. Nothing was kept of it. Send it by POST /files/upload, and give "
                                 "the import job its 'url'."));
    return admission;
  }
  auto coming = std::make_shared<Coming>();
  coming->file = std::make_shared<LateSink>([this, call, coming = coming.get()] {
    return uploads_.ReceiveOwn(call->key->name, coming->form->file_name.value_or(""), config_.file_limit,
                               call->now_ms, &coming->upload);
  });
  MultipartLimits limits;
  // The file's own sink has the limit, and its error says what to do.
  limits.file_bytes_max = config_.file_limit + kFormBytesMax;
  limits.repeatable = {"featuresOn"};
  HttpAdmission admission;
  admission.body_bytes_max = config_.file_limit + kFormBytesMax;
  admission.sink = std::make_unique<MultipartSink>(*boundary, limits, coming->file, coming->form);
  admission.answer = [this, call, coming](const HttpHead&, const std::string&) {
    return AnswerOrError(StartJob(*call, *coming));
  };
  return admission;
}

absl::StatusOr<std::string> ImportCalls::TryStartJob(HttpCall& call, Coming& coming, Started* started) {
  if (!coming.form->is_whole)
    return absl::InvalidArgumentError(
        "the form ends before its last boundary. Nothing was started. Send it again.");
  RETURN_IF_ERROR(CheckTexts(*coming.form));
  AskedJob asked = AskedBy(*coming.form);
  if (asked.storage.empty())
    return absl::InvalidArgumentError("the form has no 'storageId'. Nothing was started.");
  if (asked.names_two_sources) {
    return absl::InvalidArgumentError(
        "'dataSource' and 'datasource' are two spellings of one field, and differ. Nothing was started. Send "
        "one of them.");
  }
  if (!call.Sees(asked.storage)) return NoStorage(asked.storage);
  if (coming.form->file_name.has_value() == !asked.url.empty())
    return absl::InvalidArgumentError("the form needs either 'file' or 'url'. Nothing was started.");
  ASSIGN_OR_RETURN(const StorageInfo storage, storages_.Find(asked.storage));
  ASSIGN_OR_RETURN(const AskedSource found, FindSourceOf(storages_, asked.storage, asked.source));
  const DataSource& source = found.source;
  started->what = absl::StrCat("start import job in ", storage.id, "/", source.id);
  // Not an error yet: a repetition gets its first answer, whatever happened to the data source since.
  absl::Status may_start = found.tenant->TakesRecords();
  if (may_start.ok() && !asked.mapper.empty() && FoldName(asked.mapper) != FoldName(source.mapper)) {
    may_start = absl::FailedPreconditionError(absl::StrCat("data source '", source.id, "' has mapper '",
                                                           source.mapper, "', and not '", asked.mapper,
                                                           "'. Nothing was started."));
  }
  if (!may_start.ok() && call.head.Find(HttpFieldName::kIdempotencyKey) == nullptr) return may_start;
  ImportJob job;
  std::string hash;
  RETURN_IF_ERROR(FindFile(call, coming, asked.url, &job, &hash));
  job.storage = storage.id;
  job.source = source.id;
  job.key = call.key->name;
  job.id = absl::StrCat(source.tenant, "-", NewToken().substr(0, 12));
  job.updates_known = asked.updates_known;
  job.created_ms = call.now_ms;
  job.modified_ms = call.now_ms;
  absl::StatusOr<std::string> answer = WriteJob(
      call, *found.tenant,
      absl::StrCat(hash, "\n", job.storage, "\n", job.source, "\n", job.updates_known ? "upsert" : "insert"),
      ScheduledJson(job, asked.warnings), may_start, job, started);
  // A job that was started before has its own file, whatever became of it.
  if (!started->is_new && !coming.upload.empty()) uploads_.Remove(coming.upload);
  if (answer.ok() && !started->is_new && started->location.empty()) counters_.replayed.Add();
  if (answer.ok() && started->location.empty()) {
    started->what = absl::StrCat(started->is_new ? "start import job " : "ask again for import job ",
                                 JobIdIn(*answer), " in ", storage.id, "/", source.id);
  }
  return answer;
}

absl::Status ImportCalls::FindFile(const HttpCall& call, Coming& coming, const std::string& url,
                                   ImportJob* job, std::string* hash) {
  if (url.empty()) {
    RETURN_IF_ERROR(coming.file->Finish(SharedNowMs()));
    job->upload = coming.upload;
    *hash = coming.file->Hash();
    return absl::OkStatus();
  }
  *hash = url;
  if (servers_ != nullptr) job->upload = UploadElsewhere(url, servers_->here());
  if (!job->upload.empty()) return absl::OkStatus();
  job->upload = UploadOf(url, config_);
  const std::optional<Uploads::Upload> upload = uploads_.Find(job->upload);
  // For a repetition the upload is gone: the Idempotency-Key finds its answer.
  const bool may_be_again = !job->upload.empty() && call.head.Find(HttpFieldName::kIdempotencyKey) != nullptr;
  if ((upload && upload->key == call.key->name) || may_be_again) return absl::OkStatus();
  return NoUpload();
}

absl::StatusOr<std::string> ImportCalls::FindElsewhere(const ImportJob& job) {
  const std::string name = FolderOfUpload(job.upload);
  if (servers_ == nullptr || name.empty() || name == servers_->here()) return std::string();
  ASSIGN_OR_RETURN(const std::optional<JobServers::Server> server, servers_->Find(name));
  if (!server) return NoUpload();
  if (server->silent > config_.job_lease) {
    return absl::InvalidArgumentError(
        "the server that has this upload is down. Nothing was started. Send the file again.");
  }
  if (!server->answers) {
    return absl::UnavailableError(
        "the server that has this upload does not answer. Nothing was started. Try again when it is back, or "
        "send the file again.");
  }
  if (server->url == own_url_) {
    return absl::FailedPreconditionError(
        "the upload is on another server, which has the same [http] 'public_url' as this one. Nothing was "
        "started. Send the file with its job, or ask the operator to give each server its own address.");
  }
  return absl::StrCat(server->url, kJobsPath);
}

absl::StatusOr<std::string> ImportCalls::WriteJob(HttpCall& call, Tenant& tenant,
                                                  const std::string& body_hash, const std::string& answer,
                                                  const absl::Status& may_start, ImportJob job,
                                                  Started* started) {
  ASSIGN_OR_RETURN(std::optional<RememberedRequest> remember,
                   RememberOf(call, "import", tenant.context_id(), body_hash));
  if (remember) {
    ASSIGN_OR_RETURN(const std::optional<RecordOutcome> known, tenant.FindRemembered(*remember, call.now_ms));
    if (known && !known->status.ok()) return (known)->status;
    if (known) return (known)->remembered;
  }
  if (!may_start.ok()) return may_start;
  ASSIGN_OR_RETURN(std::string elsewhere, FindElsewhere(job));
  if (!elsewhere.empty()) {
    started->location = std::move(elsewhere);
    return std::string();
  }
  if (servers_ != nullptr) job.server = servers_->here();
  RETURN_IF_ERROR(jobs_.Announce(job));
  std::string former;
  bool may_be_written = false;
  absl::Status written = tenant.ChangeDocuments(
      [&](StoreRecords& records) -> absl::StatusOr<std::vector<DocumentChange>> {
        former.clear();
        may_be_written = false;
        std::vector<DocumentChange> changes = {JobChange(job), {kLastJobKind, "", ""}};
        if (remember) {
          // Another request with the same key may have been faster.
          ASSIGN_OR_RETURN(std::optional<RecordOutcome> known,
                           FindRememberedIn(records, *remember, call.now_ms));
          if (known && !known->status.ok()) return (known)->status;
          if (known) {
            former = known->remembered;
            return std::vector<DocumentChange>();
          }
          changes.push_back(RememberedChange(*remember, answer));
        }
        RETURN_IF_ERROR(TakePlace(records, job, &changes));
        may_be_written = true;
        return changes;
      },
      call.now_ms);
  if (may_be_written) {
    if (written.ok()) CrashPoint("job.written");
    // If a commit was not answered, it is unknown whether it was made: the job finds out when it runs.
    // If the job is not there, its file is removed then.
    started->is_new = true;
    jobs_.Schedule(job);
  } else {
    // A file that came with the request is removed; one that was sent before stays for the next request.
    jobs_.GiveUp(job);
  }
  if (!written.ok()) return written;
  return former.empty() ? answer : former;
}

/// Runs under the tenant's lock, so that a repetition of the request finds the file free, or an answer. Runs
/// before the job's document exists: without one, the next start removes the file.
absl::Status ImportCalls::TakePlace(StoreRecords& records, const ImportJob& job,
                                    std::vector<DocumentChange>* changes) {
  absl::Status pruned = PruneJobs(records, changes);
  const bool has_room = pruned.ok() && jobs_.HasRoom();
  if (absl::IsResourceExhausted(pruned) || (pruned.ok() && !has_room)) counters_.Limit(DoorLimit::kJobs);
  if (!pruned.ok()) return pruned;
  if (!has_room) {
    return absl::ResourceExhaustedError(absl::StrCat(
        config_.jobs_waiting_max, " import jobs wait already. Nothing was started; try again later."));
  }
  absl::Status taken = uploads_.TakeFor(job.id, job.key, job.upload);
  return absl::IsNotFound(taken) ? NoUpload() : taken;
}

absl::StatusOr<HttpAnswer> ImportCalls::StartJob(HttpCall& call, Coming& coming) {
  Started started;
  started.what = "start import job";
  absl::StatusOr<std::string> answer = TryStartJob(call, coming, &started);
  if (!started.location.empty()) {
    return HttpAnswer{
        .status = 307, .content_type = "", .body = "", .fields = {{"Location", started.location}}};
  }
  audit_.Add(call, started.what, answer.status());
  if (!answer.ok()) return answer.status();
  return JsonAnswer(*std::move(answer), 201);
}

absl::StatusOr<ImportJob> ImportCalls::FindJob(const HttpCall& call) {
  const std::string& id = call.parts[0];
  const std::string tenant = TenantOfJob(id);
  if (tenant.empty() || !call.Sees(StorageOfTenant(tenant))) return NoJob(id);
  ASSIGN_OR_RETURN(std::optional<ImportJob> job, jobs_.Find(id));
  if (!job) return NoJob(id);
  return *std::move(job);
}

absl::StatusOr<std::string> ImportCalls::FailuresJson(const ImportJob& job) {
  ASSIGN_OR_RETURN(const AskedSource source, FindSourceOf(storages_, job.storage, job.source));
  PageValues failures(kFailuresMax);
  RejectReading reading(source.tenant, job.id);
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Reject> rejects, reading.Next());
    if (rejects.empty()) return failures.Take();
    for (const Reject& reject : rejects) {
      JsonWriter json;
      json.Begin('{').Member("line", std::max<std::uint64_t>(1, reject.line));
      if (!reject.external_id.empty()) json.Member("externalId", reject.external_id);
      json.Member("message", reject.message).End('}');
      if (!failures.Add(json.Take(), "")) return failures.Take();
    }
  }
}

absl::StatusOr<HttpAnswer> ImportCalls::JobAnswer(const ImportJob& job) {
  ASSIGN_OR_RETURN(const std::string failures, FailuresJson(job));
  return JsonAnswer(JobJson(job, failures));
}

absl::StatusOr<HttpAnswer> ImportCalls::GetJob(HttpCall& call) {
  ASSIGN_OR_RETURN(const ImportJob job, FindJob(call));
  return JobAnswer(job);
}

absl::StatusOr<HttpAnswer> ImportCalls::ListJobs(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  const ImportJobs::Page page =
      jobs_.List(asked.start_after.value_or(""), asked.limit,
                 [&](const std::string& tenant) { return call.Sees(StorageOfTenant(tenant)); });
  PageValues values(asked.limit);
  for (const ImportJob& job : page.jobs) {
    if (!values.Add(JobJson(job, ""), job.id)) break;
  }
  std::optional<std::string> next = values.next();
  if (!next && !page.is_last) next = page.jobs.back().id;
  JsonWriter json;
  BeginPage(asked, next, page.total, &json);
  json.Key("values").Raw(values.Take()).End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> ImportCalls::GetRejects(HttpCall& call) {
  ASSIGN_OR_RETURN(const ImportJob job, FindJob(call));
  ASSIGN_OR_RETURN(const AskedSource source, FindSourceOf(storages_, job.storage, job.source));
  ASSIGN_OR_RETURN(std::unique_ptr<HttpBodySource> rejects, StreamRejects(source.tenant, job.id));
  HttpAnswer answer{.status = 200, .content_type = "text/csv; charset=utf-8"};
  answer.stream = std::move(rejects);
  return answer;
}

absl::StatusOr<HttpAnswer> ImportCalls::CancelJob(HttpCall& call) {
  RETURN_IF_ERROR(FindJob(call).status());
  const absl::StatusOr<ImportJob> job = jobs_.Cancel(call.parts[0], call.now_ms);
  audit_.Add(call, absl::StrCat("cancel import job ", call.parts[0]), job.status());
  if (!job.ok()) return job.status();
  return JobAnswer(*job);
}

}  // namespace mirror
