# graft on one machine, trained on its CPUs. From here:
#   docker build -t graft .
#   docker run --rm --shm-size=2g -v "$PWD:/work" graft run film10-film8
# Results lie in ./runs, a study of one's own is named as here: graft run mine.toml. For the folder to be written, let
# it belong to user 1000, or add --user "$(id -u)" -e HOME=/tmp. Of a cluster: cluster/Dockerfile.
FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY . /opt/graft
# PyTorch's builds for CPUs: a tenth of the size of those with CUDA.
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu "/opt/graft[images,hdf5]" \
    && useradd --create-home --uid 1000 graft \
    && install --directory --owner=graft /work
USER graft
WORKDIR /work
ENTRYPOINT ["graft"]
CMD ["--help"]
