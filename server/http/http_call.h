#ifndef MIRROR_SERVER_HTTP_HTTP_CALL_H_
#define MIRROR_SERVER_HTTP_HTTP_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "certs/api_key.h"
#include "server/records/record_request.h"

namespace mirror {

/// A request that was admitted.
struct HttpCall {
  HttpHead head;
  HttpTarget target;
  std::vector<std::string> parts;     ///< The values of the route's {...}, in their order.
  std::shared_ptr<const ApiKey> key;  ///< Null: the route needs none.
  std::string body;
  std::int64_t now_ms = 0;

  /// Returns one value of the query; absent: it is missing. Of several values the first.
  std::optional<std::string> Query(std::string_view name) const;
  bool Sees(std::string_view storage) const { return key == nullptr || key->IsFor(storage); }
};

inline constexpr std::size_t kPageMax = 1'000;
inline constexpr std::size_t kPageDefault = 100;

/// The query's wishes for a page.
struct AskedPage {
  std::size_t limit = kPageDefault;
  std::optional<std::string> start_after;
};
/// Reads the wishes. Errors: kInvalidArgument: the limit is not 1 to kPageMax.
absl::StatusOr<AskedPage> PageOf(const HttpCall& call);

/// Reads `?erase=now`: deleted data leaves the files before the answer. Errors: kInvalidArgument: other text.
absl::StatusOr<bool> ErasesNow(const HttpCall& call);

/// Returns the body as a JSON object. Errors: kInvalidArgument, with the place and what to do.
absl::StatusOr<JsonDocument> JsonBody(const HttpCall& call);
/// Returns a member that is a text. Absent: missing or null. Errors: kInvalidArgument: it is something else.
absl::StatusOr<std::optional<std::string>> TextMember(const JsonView& object, std::string_view name);
/// Collects the `warnings` of an answer: what the caller should know beside it, above all the parts of
/// the request that are not known here, and were ignored.
class Warnings {
 public:
  /// Warns of the members of `object` that are not in `known`.
  void AddUnknown(const JsonView& object, const std::vector<std::string_view>& known);
  void AddMember(std::string_view name);
  void AddFeature(std::string_view name);
  /// Adds a sentence of our own.
  void AddText(std::string text);
  /// Writes the member "warnings", if there are any: kWarningsMax of them, and how many more there are.
  void WriteTo(JsonWriter* json) const;

 private:
  void Add(std::string_view what, std::string_view name);

  std::vector<std::string> texts_;
  std::uint64_t more_ = 0;
};
inline constexpr std::size_t kWarningsMax = 20;
/// Returns the members of `featuresOn` that are in `known`; warns of others. Errors:
/// kInvalidArgument: it is not a list of texts.
absl::StatusOr<std::vector<std::string>> FeaturesOf(const JsonView& object,
                                                    const std::vector<std::string_view>& known,
                                                    Warnings* warnings);
bool Has(const std::vector<std::string>& features, std::string_view feature);

/// Writes the members that begin every page; `values` follows.
void BeginPage(const AskedPage& asked, const std::optional<std::string>& next, std::uint64_t total,
               JsonWriter* json);

/// Returns how a repetition of the call is recognised, by its Idempotency-Key: bound to the API key, to
/// `what` of `of_whom`, and to the body. Absent: no key was given. Errors: kInvalidArgument.
absl::StatusOr<std::optional<RememberedRequest>> RememberOf(const HttpCall& call, std::string_view what,
                                                            std::string_view of_whom, std::string_view body);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_CALL_H_
