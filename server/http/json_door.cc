#include "server/http/json_door.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/shared_clock.h"
#include "server/http/http_error.h"
#include "server/storages/storage_directory.h"

namespace mirror {
namespace {

HttpAdmission Refusal(HttpAnswer answer) {
  HttpAdmission admission;
  admission.refusal = std::move(answer);
  return admission;
}

/// Turns "PUT, GET, HEAD" into words for a sentence.
std::string Listed(std::string names) {
  if (const std::size_t last = names.rfind(", "); last != std::string::npos) names.replace(last, 2, " and ");
  return names;
}

/// `allowed`: the methods of the path.
HttpAnswer NoRoute(const std::string& allowed) {
  if (allowed.empty()) {
    return ErrorAnswer(
        absl::NotFoundError("there is no such call. Nothing was done. GET /openapi.json lists all calls."));
  }
  HttpAnswer answer = ErrorAnswer(absl::UnimplementedError(
      absl::StrCat("this path takes ", Listed(allowed), " only. Nothing was done.")));
  answer.fields.emplace_back("Allow", allowed);
  return answer;
}

std::string_view NameOf(const HttpRoute* route) { return route == nullptr ? "no call" : route->name; }

/// The weight of a reading request among the requests that are worked on at a time.
constexpr std::size_t kReadersWeight = 3;

/// A longer name in the query is not repeated in a message.
constexpr std::size_t kShownNameMax = 64;

/// The limit for a body that no call reads.
constexpr std::uint64_t kUnaskedBodyMax = 4 << 10;

/// Returns the path without its base path; absent: it begins with none of them.
std::optional<std::string> WithoutBase(const std::string& path, const std::vector<std::string>& bases) {
  std::optional<std::string> rest;
  for (const std::string& base : bases) {
    if (path.compare(0, base.size(), base) != 0 || path.size() == base.size() || path[base.size()] != '/')
      continue;
    if (!rest || path.size() - base.size() < rest->size()) rest = path.substr(base.size());
  }
  return rest;
}

/// Runs a call: an exception is the server's fault, and ends this call alone.
HttpAnswer Run(const std::function<HttpAnswer()>& answer) {
  try {
    return answer();
  } catch (const std::bad_alloc&) {
    return ErrorAnswer(
        absl::UnavailableError("there is no memory left for this. Whether it was done is not known; the same "
                               "request again is safe under "
                               "the same Idempotency-Key."));
  } catch (const std::exception&) {
    return ErrorAnswer(
        absl::InternalError("the call failed because of an error in this server. Please report it."));
  }
}

/// Checks that the route knows all names of the query: an ignored one may be the
/// one that was meant to prevent a deletion.
absl::Status CheckQuery(const HttpRoute& route, const HttpTarget& target) {
  for (const auto& [name, value] : target.query) {
    if (std::find(route.query.begin(), route.query.end(), name) != route.query.end()) continue;
    const std::string taken =
        route.query.empty()
            ? std::string("nothing")
            : absl::StrCat("only ",
                           absl::StrJoin(route.query, ", ",
                                         [](std::string* to, std::string_view one) { to->append(one); }));
    return absl::InvalidArgumentError(
        absl::StrCat("the query of this call takes ", taken, ", and ",
                     name.size() <= kShownNameMax ? absl::StrCat("'", name, "' is") : std::string("there is"),
                     " another name. Nothing was done."));
  }
  return absl::OkStatus();
}

/// Refuses names given twice: a proxy may have checked the other one. All values of `externalId` count.
absl::Status CheckNamedOnce(const HttpTarget& target) {
  std::set<absl::string_view> named;
  for (const auto& [name, value] : target.query) {
    // Two spellings of one name.
    const absl::string_view is = name == "datasource" ? "dataSource" : absl::string_view(name);
    if (is == "externalId" || named.insert(is).second) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the query names '", is, "' twice. Nothing was done. Send it once."));
  }
  return absl::OkStatus();
}

/// Returns whether the body is empty, for a call that takes none.
bool IsBlank(const std::string& body) {
  const absl::string_view text = absl::StripAsciiWhitespace(body);
  return text.empty() || text == "{}";
}

/// Answers once the body has come.
HttpAnswer AnswerOf(const HttpRoute& route, HttpCall& call) {
  // The same answer as for a storage that does not exist.
  if (route.is_of_storage() && !call.Sees(call.parts.front()))
    return ErrorAnswer(NoStorage(call.parts.front()));
  if (route.body == HttpBody::kNone && route.method != "GET" && !IsBlank(call.body)) {
    return ErrorAnswer(absl::InvalidArgumentError(
        "this call takes no body, and one was sent. Nothing was done. Its path and its "
        "query say what it does."));
  }
  return route.answer(call);
}

std::string_view CodeOf(int status) {
  switch (status) {
    case 408:
    case 503:
      return "UNAVAILABLE";
    case 413:
    case 431:
      return "OUT_OF_RANGE";
    case 404:
      return "NOT_FOUND";
    case 405:
    case 501:
      return "UNIMPLEMENTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 500:
      return "INTERNAL";
    default:
      return "INVALID_ARGUMENT";
  }
}

}  // namespace

HttpAnswer JsonDoor::Refuse(int status, std::string_view words) const {
  return ErrorAnswer(status, CodeOf(status), words);
}

absl::Status JsonDoor::TakeKey(const HttpHead& head, std::shared_ptr<const ApiKey>* key,
                               std::shared_ptr<void>* place) {
  const std::string* const sent = head.Find(HttpFieldName::kApiKey);
  if (sent != nullptr) *key = keys_.Find(*sent);
  if (*key == nullptr) {
    return absl::UnauthenticatedError(
        sent == nullptr ? "there is no X-API-KEY. Nothing was done. 'mirrorctl apikey issue' makes one."
                        : "this X-API-KEY is unknown or revoked. Nothing was done.");
  }
  *place = keys_.TakePlace((*key)->name, SharedNowMs());
  if (*place != nullptr) return absl::OkStatus();
  counters_.Limit(DoorLimit::kRequestsPerKey);
  return absl::ResourceExhaustedError(
      absl::StrCat("this key has ", config_.requests_per_key,
                   " requests under way already. Nothing was done; try again when one has ended."));
}

HttpAdmission JsonDoor::Admit(const HttpHead& head) {
  if (!started_)
    return Refusal(
        ErrorAnswer(absl::UnavailableError("the server is starting. Nothing was done; try again.")));
  const std::optional<std::string> path = WithoutBase(head.path, config_.base_paths);
  absl::StatusOr<HttpTarget> target = ParseHttpTarget(path.value_or(head.path), head.query);
  if (!target.ok()) return Refusal(ErrorAnswer(target.status()));
  HttpRoutes::Match match;
  if (path) match = routes_.Find(head.method, target->segments);
  const std::size_t call = match.number;
  HttpAdmission admission = AdmitTo(head, *std::move(target), std::move(match));
  admission.call = call;
  return admission;
}

HttpAdmission JsonDoor::AdmitTo(const HttpHead& head, HttpTarget target, HttpRoutes::Match match) {
  std::shared_ptr<const ApiKey> key;
  std::shared_ptr<void> place;
  if (match.route == nullptr || match.route->role) {
    if (absl::Status known = TakeKey(head, &key, &place); !known.ok()) {
      if (key == nullptr) audit_.AddRefused(head, nullptr, NameOf(match.route), known);
      return Refusal(ErrorAnswer(known));
    }
  }
  if (match.route == nullptr) return Refusal(NoRoute(match.allowed));
  const HttpRoute& route = *match.route;
  if (route.role && key->role < *route.role) {
    const absl::Status denied = absl::PermissionDeniedError(absl::StrCat(
        "this call needs a key with the role ", std::string(ToString(*route.role)),
        ", and this key has the role ", std::string(ToString(key->role)), ". Nothing was done."));
    audit_.AddRefused(head, key.get(), NameOf(&route), denied);
    return Refusal(ErrorAnswer(denied));
  }
  auto call = std::make_shared<HttpCall>();
  call->head = head;
  call->target = std::move(target);
  call->parts = std::move(match.parts);
  call->key = std::move(key);
  call->now_ms = SharedNowMs();
  HttpAdmission admission;
  if (!route.role && route.body == HttpBody::kNone) {
    // Strangers get their answer at once, from what is in memory: they take no place from others.
    admission.refusal =
        head.has_body ? Refuse(413, "This request takes no body.") : Run([&] { return route.answer(*call); });
    return admission;
  }
  if (route.role) {
    if (absl::Status known = CheckQuery(route, call->target); !known.ok()) return Refusal(ErrorAnswer(known));
    if (absl::Status once = CheckNamedOnce(call->target); !once.ok()) return Refusal(ErrorAnswer(once));
  }
  if (route.admit) {
    admission = route.admit(call);
    if (admission.refusal) return admission;
  } else {
    admission.body_bytes_max = route.body == HttpBody::kJson ? config_.body_limit : kUnaskedBodyMax;
    admission.answer = [call, &route](const HttpHead&, std::string body) {
      call->body = std::move(body);
      return AnswerOf(route, *call);
    };
  }
  if (call->key != nullptr) admission.asker = call->key->name;
  // A reader's answer may be a page of megabytes, which stays in memory until it is
  // sent; a writer's answer has a few bytes.
  if (route.role == ApiRole::kReader) admission.weight = kReadersWeight;
  // The key's place is held until the answer is made.
  admission.answer = [place, answer = std::move(admission.answer)](const HttpHead& of, std::string body) {
    return Run([&] { return answer(of, std::move(body)); });
  };
  return admission;
}

}  // namespace mirror
