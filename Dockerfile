# The image: Node.js, the compiled server, its addon and the C libraries that these ask for, and nothing else. It starts as
# CoreDNS's image does (same entry point, same arguments, same ports, same user), so a Deployment needs another `image:` only.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t weftdns .
#
# Behind a registry of one's own: --secret id=npmrc,src=$HOME/.npmrc, and --secret id=ca,src=BUNDLE where it has its own
# authority. BUILD_IMAGE may be any Debian with npm; what else is needed is installed when it is missing.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${BUILD_IMAGE} AS build
RUN dpkg -s ca-certificates gcc libatomic1 libc6-dev libcap2-bin > /dev/null 2>&1 || \
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates gcc libatomic1 libc6-dev libcap2-bin; }
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc --mount=type=secret,id=ca \
  if [ -s /run/secrets/npmrc ]; then export npm_config_userconfig=/run/secrets/npmrc; fi; \
  if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca npm_config_cafile=/run/secrets/ca; fi; \
  npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --offline && \
  image/assemble.sh /src /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
WORKDIR /
EXPOSE 53 53/udp
ENTRYPOINT ["/coredns"]
